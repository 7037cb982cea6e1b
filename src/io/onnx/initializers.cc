// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/initializers.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "io/onnx/array_node.h"
#include "lowbit/core/cast.h"
#include "lowbit/core/error.h"
#include "lowbit/core/half.h"

namespace lowbit::onnx_import {

namespace {

[[noreturn]] void corrupt(const onnx::TensorProto& t, const std::string& file, const std::string& what) {
  throw Error(ErrorCode::corrupt_file, fmt::format("{}: tensor '{}' {}", file, t.name(), what));
}

/// Product of the dimensions, refused where it is beyond what any file holds.
std::uint64_t element_count(const onnx::TensorProto& t, const std::string& file) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  std::uint64_t count = 1;
  bool is_empty = false;
  for (const std::int64_t d : t.dims()) {
    if (d < 0) corrupt(t, file, fmt::format("has the negative dimension {}", d));
    if (d == 0) is_empty = true;
    if (d != 0 && count > kMost / static_cast<std::uint64_t>(d))
      corrupt(t, file, "has more elements than a file can hold");
    if (d != 0) count *= static_cast<std::uint64_t>(d);
  }
  return is_empty ? 0 : count;
}

/// What cast.h knows and arrays hold, narrower than what is read in place: floats of 8 bits, and all of
/// fewer.
bool is_small(const onnx::TensorProto& t) {
  const std::optional<ElementType> element = element_type(t.data_type());
  return element && element_bits(*element) <= 8 && (element_bits(*element) < 8 || is_float(*element));
}

/// The bytes that `count` elements take in a file.
std::uint64_t stored_bytes(const onnx::TensorProto& t, std::uint64_t count, const std::string& file) {
  if (t.data_type() == onnx::TensorProto::DOUBLE) return count * 8;
  if (const std::optional<ElementType> element = element_type(t.data_type()))
    return element_bytes(*element, static_cast<std::size_t>(count));
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: tensor '{}' has the element type {}; numbers alone can be read, none of them "
                          "complex",
                          file, t.name(), type_name(t.data_type())));
}

using lowbit::is_float;
bool is_float(const onnx::TensorProto& t) {
  return t.data_type() == onnx::TensorProto::DOUBLE || is_float(*element_type(t.data_type()));
}

FloatType float_type(const onnx::TensorProto& t) {
  switch (t.data_type()) {
    case onnx::TensorProto::DOUBLE:
      return FloatType::f64;
    case onnx::TensorProto::FLOAT16:
      return FloatType::f16;
    case onnx::TensorProto::BFLOAT16:
      return FloatType::bf16;
    default:
      return FloatType::f32;
  }
}

template <class T>
void decode_integers(const ByteSource& source, std::uint64_t offset, std::vector<std::int64_t>& out) {
  std::vector<T> raw(out.size());
  source.read(offset, std::as_writable_bytes(std::span(raw)));
  std::copy(raw.begin(), raw.end(), out.begin());
}

/// Integers are shapes and the like, and are read now.
void read_integers(const onnx::TensorProto& t, const ByteSource& source, std::uint64_t offset,
                   std::size_t count, Constant& c) {
  c.integers.resize(count);
  switch (t.data_type()) {
    case onnx::TensorProto::INT8:
      return decode_integers<std::int8_t>(source, offset, c.integers);
    case onnx::TensorProto::INT16:
      return decode_integers<std::int16_t>(source, offset, c.integers);
    case onnx::TensorProto::INT32:
      return decode_integers<std::int32_t>(source, offset, c.integers);
    case onnx::TensorProto::UINT16:
      return decode_integers<std::uint16_t>(source, offset, c.integers);
    case onnx::TensorProto::UINT32:
      return decode_integers<std::uint32_t>(source, offset, c.integers);
    case onnx::TensorProto::INT64:
    case onnx::TensorProto::UINT64:
      return decode_integers<std::int64_t>(source, offset, c.integers);
    default:
      return decode_integers<std::uint8_t>(source, offset, c.integers);
  }
}

/// Elements of types that are read now, whatever they are.
void read_small(const onnx::TensorProto& t, std::span<const std::byte> bytes, std::size_t count,
                Constant& c) {
  const ElementType type = *element_type(t.data_type());
  if (is_float(type)) {
    c.floats.resize(count);
    cast(type, bytes, ElementType::f64, std::as_writable_bytes(std::span(c.floats)), count);
  } else {
    c.integers.resize(count);
    cast(type, bytes, ElementType::i64, std::as_writable_bytes(std::span(c.integers)), count);
  }
}

void read_small(const onnx::TensorProto& t, const ByteSource& source, std::uint64_t offset,
                std::uint64_t bytes, std::size_t count, Constant& c) {
  std::vector<std::byte> raw(static_cast<std::size_t>(bytes));
  source.read(offset, raw);
  read_small(t, raw, count, c);
}

/// Of what lies in one piece: floats stay there.
void read_piece(const onnx::TensorProto& t, const TensorFiles& files, std::uint64_t count,
                std::uint64_t bytes, Constant& c) {
  const auto size = static_cast<std::size_t>(count);
  if (!is_small(t)) c.stored_size = size;
  if (t.data_location() == onnx::TensorProto::EXTERNAL) {
    const ExternalData data = find_external_data(t, bytes, files.name, files.folder);
    if (is_small(t))
      read_small(t, ByteSource(data.path), data.offset, bytes, size, c);
    else if (is_float(t))
      c.stored.emplace(data.path, data.offset, float_type(t));
    else
      read_integers(t, ByteSource(data.path), data.offset, size, c);
    return;
  }
  const Payload* payload = find_payload(files.payloads, t.raw_data());
  if (!payload || payload->bytes != bytes)
    corrupt(t, files.name,
            fmt::format("has {} bytes where its shape needs {}", payload ? payload->bytes : 0, bytes));
  if (is_small(t))
    read_small(t, files.source, payload->offset, bytes, size, c);
  else if (is_float(t))
    c.stored.emplace(files.source, payload->offset, float_type(t));
  else
    read_integers(t, files.source, payload->offset, size, c);
}

/// An element, or a byte of packed ones, for each integer.
void decode_small_fields(const onnx::TensorProto& t, std::uint64_t count, const std::string& file,
                         Constant& c) {
  std::vector<std::byte> bytes;
  if (static_cast<std::uint64_t>(t.int32_data_size()) != stored_bytes(t, count, file))
    corrupt(t, file,
            fmt::format("has {} bytes where its shape needs {}", t.int32_data_size(),
                        stored_bytes(t, count, file)));
  for (const std::int32_t v : t.int32_data()) bytes.push_back(static_cast<std::byte>(v));
  read_small(t, bytes, static_cast<std::size_t>(count), c);
}

void decode_fields(const onnx::TensorProto& t, std::uint64_t count, const std::string& file, Constant& c) {
  if (is_small(t)) return decode_small_fields(t, count, file, c);
  const auto take = [&](const auto& field, auto& out, auto convert) {
    if (static_cast<std::uint64_t>(field.size()) != count)
      corrupt(t, file, fmt::format("has {} elements for a shape of {}", field.size(), count));
    out.reserve(static_cast<std::size_t>(field.size()));
    for (const auto v : field) out.push_back(convert(v));
  };
  const auto same = [](auto v) { return v; };
  const auto low_half = [](std::int32_t v) { return static_cast<std::uint16_t>(v); };
  switch (t.data_type()) {
    case onnx::TensorProto::FLOAT:
      return take(t.float_data(), c.floats, same);
    case onnx::TensorProto::DOUBLE:
      return take(t.double_data(), c.floats, same);
    case onnx::TensorProto::FLOAT16:
      return take(t.int32_data(), c.floats, [&](std::int32_t v) { return float16::decode(low_half(v)); });
    case onnx::TensorProto::BFLOAT16:
      return take(t.int32_data(), c.floats, [&](std::int32_t v) { return bfloat16::decode(low_half(v)); });
    case onnx::TensorProto::INT64:
      return take(t.int64_data(), c.integers, same);
    case onnx::TensorProto::UINT32:
    case onnx::TensorProto::UINT64:
      return take(t.uint64_data(), c.integers, [](std::uint64_t v) { return static_cast<std::int64_t>(v); });
    default:
      return take(t.int32_data(), c.integers, same);
  }
}

/// Which of several would be the right one?
void require_one_field(const onnx::TensorProto& t, const std::string& file) {
  const bool fields[] = {t.has_raw_data(),        t.float_data_size() > 0,  t.int32_data_size() > 0,
                         t.int64_data_size() > 0, t.double_data_size() > 0, t.uint64_data_size() > 0,
                         t.string_data_size() > 0};
  if (std::count(std::begin(fields), std::end(fields), true) > 1)
    corrupt(t, file, "has elements in several fields");
}

}  // namespace

Constant read_tensor(const onnx::TensorProto& tensor, const TensorFiles& files) {
  const std::uint64_t count = element_count(tensor, files.name);
  const std::uint64_t bytes = stored_bytes(tensor, count, files.name);
  if (tensor.has_segment())
    throw Error(ErrorCode::unsupported,
                fmt::format("{}: tensor '{}' is stored in segments", files.name, tensor.name()));
  require_one_field(tensor, files.name);
  Constant c;
  c.dims.assign(tensor.dims().begin(), tensor.dims().end());
  c.is_integer = !is_float(tensor);
  c.element = element_type(tensor.data_type());  // DOUBLE is read as f32
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL || tensor.has_raw_data())
    read_piece(tensor, files, count, bytes, c);
  else
    decode_fields(tensor, count, files.name, c);
  return c;
}

}  // namespace lowbit::onnx_import
