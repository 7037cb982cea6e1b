#include "onnx/initializers.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "lowbit/core/error.h"

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

std::size_t element_size(const onnx::TensorProto& t, const std::string& file) {
  switch (t.data_type()) {
    case onnx::TensorProto::BOOL:
      return 1;
    case onnx::TensorProto::FLOAT16:
    case onnx::TensorProto::BFLOAT16:
      return 2;
    case onnx::TensorProto::FLOAT:
    case onnx::TensorProto::INT32:
      return 4;
    case onnx::TensorProto::DOUBLE:
    case onnx::TensorProto::INT64:
      return 8;
    default:
      break;
  }
  const std::string type =
      onnx::TensorProto::DataType_IsValid(t.data_type())
          ? onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(t.data_type()))
          : fmt::format("number {}", t.data_type());
  throw Error(
      ErrorCode::unsupported,
      fmt::format(
          "{}: tensor '{}' has the element type {}; FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT32, INT64 and "
          "BOOL can be read",
          file, t.name(), type));
}

double from_half(std::uint16_t h) {
  const int exponent = h >> 10 & 31;
  const double mantissa = h & 1023, sign = h & 0x8000 ? -1.0 : 1.0;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * HUGE_VAL;
  return exponent == 0 ? sign * std::ldexp(mantissa, -24) : sign * std::ldexp(1024 + mantissa, exponent - 25);
}

double from_bfloat(std::uint16_t b) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(b) << 16);
}

/// ONNX files are little-endian, and so are the machines that lowbit supports.
template <class T, class Out, class Convert>
void decode_raw(const std::string& raw, std::vector<Out>& out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, raw.data() + i * sizeof(T), sizeof(T));
    out[i] = convert(value);
  }
}

void decode_bytes(const onnx::TensorProto& t, const std::string& raw, std::size_t count, Constant& c) {
  const auto same = [](auto v) { return v; };
  c.is_integer ? c.integers.resize(count) : c.floats.resize(count);
  switch (t.data_type()) {
    case onnx::TensorProto::FLOAT:
      return decode_raw<float>(raw, c.floats, same);
    case onnx::TensorProto::DOUBLE:
      return decode_raw<double>(raw, c.floats, same);
    case onnx::TensorProto::FLOAT16:
      return decode_raw<std::uint16_t>(raw, c.floats, from_half);
    case onnx::TensorProto::BFLOAT16:
      return decode_raw<std::uint16_t>(raw, c.floats, from_bfloat);
    case onnx::TensorProto::INT32:
      return decode_raw<std::int32_t>(raw, c.integers, same);
    case onnx::TensorProto::INT64:
      return decode_raw<std::int64_t>(raw, c.integers, same);
    default:
      return decode_raw<std::uint8_t>(raw, c.integers, same);
  }
}

void decode_fields(const onnx::TensorProto& t, std::uint64_t count, const std::string& file, Constant& c) {
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
      return take(t.int32_data(), c.floats, [&](std::int32_t v) { return from_half(low_half(v)); });
    case onnx::TensorProto::BFLOAT16:
      return take(t.int32_data(), c.floats, [&](std::int32_t v) { return from_bfloat(low_half(v)); });
    case onnx::TensorProto::INT64:
      return take(t.int64_data(), c.integers, same);
    default:
      return take(t.int32_data(), c.integers, same);
  }
}

}  // namespace

Constant read_tensor(const onnx::TensorProto& tensor, const std::string& file, const std::string& folder) {
  const std::uint64_t count = element_count(tensor, file);
  const std::uint64_t bytes = count * element_size(tensor, file);
  if (tensor.has_segment())
    throw Error(ErrorCode::unsupported,
                fmt::format("{}: tensor '{}' is stored in segments", file, tensor.name()));
  Constant c;
  c.dims.assign(tensor.dims().begin(), tensor.dims().end());
  c.is_integer = tensor.data_type() == onnx::TensorProto::INT32 ||
                 tensor.data_type() == onnx::TensorProto::INT64 ||
                 tensor.data_type() == onnx::TensorProto::BOOL;
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    decode_bytes(tensor, read_external_data(tensor, bytes, file, folder), static_cast<std::size_t>(count), c);
  } else if (tensor.has_raw_data()) {
    if (tensor.raw_data().size() != bytes)
      corrupt(tensor, file,
              fmt::format("has {} bytes where its shape needs {}", tensor.raw_data().size(), bytes));
    decode_bytes(tensor, tensor.raw_data(), static_cast<std::size_t>(count), c);
  } else {
    decode_fields(tensor, count, file, c);
  }
  return c;
}

}  // namespace lowbit::onnx_import
