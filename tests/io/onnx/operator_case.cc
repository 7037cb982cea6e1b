// SPDX-License-Identifier: Apache-2.0
#include "operator_case.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "io/onnx/array_node.h"
#include "lowbit/core/cast.h"
#include "lowbit/core/error.h"
#include "lowbit/core/half.h"

namespace lowbit::testing {
namespace {

template <class T, class Convert>
void read_raw(const std::string& raw, std::size_t count, Convert convert) {
  if (raw.size() != count * sizeof(T)) throw Error(ErrorCode::corrupt_file, "raw data of another size");
  for (std::size_t i = 0; i < count; ++i) {
    T v;
    std::memcpy(&v, raw.data() + i * sizeof(T), sizeof(T));
    convert(v);
  }
}

}  // namespace

arrays::Array read_array(const onnx::TensorProto& t) {
  const std::optional<lowbit::ElementType> element = onnx_import::element_type(t.data_type());
  if (!element)
    throw Error(ErrorCode::unsupported,
                fmt::format("elements of the type {} are not supported", t.data_type()));
  arrays::Array a;
  a.type = {*element, Shape(std::vector<std::int64_t>(t.dims().begin(), t.dims().end()))};
  const auto count = static_cast<std::size_t>(a.type.shape.elements());
  const auto number = [&](auto v) { a.floats.push_back(static_cast<float>(v)); };
  const auto integer = [&](auto v) { a.integers.push_back(static_cast<std::int64_t>(v)); };
  const auto half = [&](auto v) { number(float16::decode(static_cast<std::uint16_t>(v))); };
  const auto bfloat = [&](auto v) { number(bfloat16::decode(static_cast<std::uint16_t>(v))); };
  if (element_bits(*element) < 8 || (element_bits(*element) == 8 && is_float(*element))) {
    std::vector<std::uint8_t> bytes(t.raw_data().begin(), t.raw_data().end());
    for (const std::int32_t v : t.int32_data()) bytes.push_back(static_cast<std::uint8_t>(v));
    a.floats.resize(is_float(*element) ? count : 0);
    a.integers.resize(is_float(*element) ? 0 : count);
    const auto as = [&](lowbit::ElementType held, auto& values) {
      cast(*element, std::as_bytes(std::span(bytes)), held, std::as_writable_bytes(std::span(values)), count);
    };
    is_float(*element) ? as(lowbit::ElementType::f32, a.floats) : as(lowbit::ElementType::i64, a.integers);
    return a;
  }
  if (t.has_raw_data()) {
    switch (t.data_type()) {
      case onnx::TensorProto::FLOAT:
        read_raw<float>(t.raw_data(), count, number);
        break;
      case onnx::TensorProto::FLOAT16:
        read_raw<std::uint16_t>(t.raw_data(), count, half);
        break;
      case onnx::TensorProto::BFLOAT16:
        read_raw<std::uint16_t>(t.raw_data(), count, bfloat);
        break;
      case onnx::TensorProto::INT8:
        read_raw<std::int8_t>(t.raw_data(), count, integer);
        break;
      case onnx::TensorProto::INT16:
        read_raw<std::int16_t>(t.raw_data(), count, integer);
        break;
      case onnx::TensorProto::INT32:
        read_raw<std::int32_t>(t.raw_data(), count, integer);
        break;
      case onnx::TensorProto::UINT16:
        read_raw<std::uint16_t>(t.raw_data(), count, integer);
        break;
      case onnx::TensorProto::UINT32:
        read_raw<std::uint32_t>(t.raw_data(), count, integer);
        break;
      case onnx::TensorProto::INT64:
      case onnx::TensorProto::UINT64:
        read_raw<std::int64_t>(t.raw_data(), count, integer);
        break;
      default:
        read_raw<std::uint8_t>(t.raw_data(), count, integer);
    }
    return a;
  }
  for (const float v : t.float_data()) number(v);
  for (const std::int64_t v : t.int64_data()) integer(v);
  for (const std::uint64_t v : t.uint64_data()) integer(v);
  for (const std::int32_t v : t.int32_data())
    if (*element == lowbit::ElementType::f16)
      half(v);
    else if (*element == lowbit::ElementType::bf16)
      bfloat(v);
    else
      integer(v);
  return a;
}

arrays::Array read_array(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  onnx::TensorProto proto;
  if (!proto.ParseFromIstream(&file)) throw Error(ErrorCode::unsupported, "not a tensor");
  return read_array(proto);
}

bool is_close(const arrays::Array& got, const arrays::Array& want) {
  if (!(got.type == want.type)) return false;
  if (!is_float(want.type.element)) return got.integers == want.integers;
  for (std::size_t i = 0; i < want.floats.size(); ++i) {
    const float a = got.floats[i], b = want.floats[i];
    if (std::isnan(a) != std::isnan(b)) return false;
    if (a == b || std::isnan(a)) continue;
    if (!(std::fabs(a - b) <= 1e-7f + 1e-3f * std::fabs(b))) return false;
  }
  return true;
}

}  // namespace lowbit::testing
