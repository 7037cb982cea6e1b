// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/node_case.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <span>
#include <stdexcept>

#include "lowbit/core/packing.h"

namespace lowbit::testing {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

float half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa != 0 ? std::nanf("") : sign * HUGE_VALF;
  return sign * (exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                               : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25));
}

std::uint16_t half_bits(float x) {
  const std::uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x)) return sign | 0x7E00;
  const float magnitude = std::fabs(x);
  if (magnitude >= 65520.0f) return sign | 0x7C00;
  // Steps of the last place; below 2^-14 all numbers share those of the smallest normal ones.
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  if (magnitude < 0x1p-14f) exponent = -13;
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 11 - exponent)));
  return static_cast<std::uint16_t>(sign | (((exponent + 13) << 10) + steps));
}

template <class T>
T element_at(const std::vector<std::uint8_t>& bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

void append(std::vector<std::uint8_t>& bytes, std::uint32_t value, int bits) {
  for (int shift = 0; shift < bits; shift += 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::size_t element_count(const Shape& shape) {
  return static_cast<std::size_t>(shape.elements());
}

std::size_t stored_bytes(ElementType type, const Shape& shape) {
  const int bits = element_info(type).bits;
  return bits < 8 ? packed_bytes(element_count(shape), bits)
                  : element_count(shape) * static_cast<std::size_t>(bits / 8);
}

NodeTensor convert(const onnx::TensorProto& proto) {
  NodeTensor t;
  t.type = static_cast<ElementType>(proto.data_type());
  t.shape = Shape(std::vector<std::int64_t>(proto.dims().begin(), proto.dims().end()));
  const int bits = element_info(t.type).bits;
  if (proto.has_raw_data()) {
    t.bytes.assign(proto.raw_data().begin(), proto.raw_data().end());
  } else if (t.type == ElementType::f32) {
    for (const float v : proto.float_data()) append(t.bytes, std::bit_cast<std::uint32_t>(v), 32);
  } else {
    // An element each, or a byte of packed ones.
    for (const std::int32_t v : proto.int32_data())
      append(t.bytes, static_cast<std::uint32_t>(v), bits < 8 ? 8 : bits);
  }
  if (t.bytes.size() != stored_bytes(t.type, t.shape))
    fail(fmt::format("tensor '{}' of shape {} has {} bytes, not {}", proto.name(), t.shape.to_string(),
                     t.bytes.size(), stored_bytes(t.type, t.shape)));
  return t;
}

template <class Proto>
Proto parse(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Proto proto;
  if (!file || !proto.ParseFromIstream(&file)) fail(path.string() + " cannot be read");
  return proto;
}

NodeAttribute convert(const onnx::AttributeProto& proto) {
  switch (proto.type()) {
    case onnx::AttributeProto::INT:
      return {{proto.i()}, {}};
    case onnx::AttributeProto::INTS:
      return {{proto.ints().begin(), proto.ints().end()}, {}};
    case onnx::AttributeProto::TENSOR:
      return {{}, convert(proto.t())};
    default:
      fail("the attribute '" + proto.name() + "' has a type that is not read");
  }
}

CaseNode convert(const onnx::NodeProto& proto) {
  CaseNode node{proto.op_type(),
                {proto.input().begin(), proto.input().end()},
                {proto.output().begin(), proto.output().end()},
                {}};
  for (const auto& a : proto.attribute()) node.attributes.emplace(a.name(), convert(a));
  return node;
}

}  // namespace

ElementInfo element_info(ElementType type) {
  switch (type) {
    case ElementType::f32:
      return {ElementKind::real, 32};
    case ElementType::f16:
      return {ElementKind::real, 16};
    case ElementType::u2:
      return {ElementKind::integer, 2};
    case ElementType::u4:
      return {ElementKind::integer, 4};
    case ElementType::u8:
      return {ElementKind::integer, 8};
    case ElementType::u16:
      return {ElementKind::integer, 16};
    case ElementType::s2:
      return {ElementKind::integer, 2, true};
    case ElementType::s4:
      return {ElementKind::integer, 4, true};
    case ElementType::s8:
      return {ElementKind::integer, 8, true};
    case ElementType::s16:
      return {ElementKind::integer, 16, true};
    case ElementType::s32:
      return {ElementKind::integer, 32, true};
    case ElementType::fp4_e2m1:
      return {ElementKind::minifloat, 4};
    case ElementType::fp8_e4m3fn:
    case ElementType::fp8_e5m2:
      return {ElementKind::minifloat, 8};
  }
  fail(fmt::format("the element type {} is not read", static_cast<int>(type)));
}

IntRange code_range(ElementType type) {
  const ElementInfo info = element_info(type);
  if (info.kind != ElementKind::integer || info.bits > 16) fail("not an integer type of 2 to 16 bits");
  return info.is_signed ? signed_range(info.bits) : unsigned_range(info.bits);
}

NodeTensor NodeTensor::of_codes(ElementType type, const Shape& shape,
                                const std::vector<std::int32_t>& codes) {
  NodeTensor t{type, shape, {}};
  const int bits = element_info(type).bits;
  if (bits < 8) {
    const std::vector<std::uint8_t> low(codes.begin(), codes.end());
    t.bytes.resize(packed_bytes(low.size(), bits));
    bits == 4 ? pack_u4(low, t.bytes) : pack_u2(low, t.bytes);
  } else {
    for (const std::int32_t c : codes) append(t.bytes, static_cast<std::uint32_t>(c), bits);
  }
  return t;
}

NodeTensor NodeTensor::of_reals(ElementType type, const Shape& shape, const std::vector<float>& values) {
  NodeTensor t{type, shape, {}};
  const ElementInfo info = element_info(type);
  if (info.kind != ElementKind::real) fail("integers cannot be made of reals");
  for (const float v : values)
    append(t.bytes, info.bits == 16 ? half_bits(v) : std::bit_cast<std::uint32_t>(v), info.bits);
  return t;
}

std::vector<std::int32_t> NodeTensor::codes() const {
  const ElementInfo info = element_info(type);
  if (info.kind == ElementKind::real) fail("a tensor of reals has no codes");
  std::vector<std::uint8_t> low(element_count(shape));
  if (info.bits == 4) unpack_u4(bytes, low);
  if (info.bits == 2) unpack_u2(bytes, low);
  std::vector<std::int32_t> out(low.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (info.bits == 32) out[i] = element_at<std::int32_t>(bytes, i);
    if (info.bits == 16) out[i] = element_at<std::uint16_t>(bytes, i);
    if (info.bits == 8) out[i] = bytes[i];
    if (info.bits < 8) out[i] = low[i];
    if (info.is_signed && info.bits < 32 && out[i] >= 1 << (info.bits - 1)) out[i] -= 1 << info.bits;
  }
  return out;
}

std::vector<float> NodeTensor::reals() const {
  if (element_info(type).kind != ElementKind::real) fail("a tensor of integers has no reals");
  std::vector<float> out(element_count(shape));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = type == ElementType::f32 ? element_at<float>(bytes, i)
                                      : half_value(element_at<std::uint16_t>(bytes, i));
  return out;
}

std::int64_t CaseNode::integer(const std::string& name, std::int64_t otherwise) const {
  const auto found = attributes.find(name);
  return found == attributes.end() ? otherwise : found->second.integers.at(0);
}

std::vector<std::int64_t> CaseNode::integers(const std::string& name,
                                             std::vector<std::int64_t> otherwise) const {
  const auto found = attributes.find(name);
  return found == attributes.end() ? std::move(otherwise) : found->second.integers;
}

NodeCase read_node_case(const std::filesystem::path& folder) {
  const auto graph = parse<onnx::ModelProto>(folder / "model.onnx").graph();
  const std::filesystem::path data = folder / "test_data_set_0";
  NodeCase result;
  for (const auto& node : graph.node()) result.nodes.push_back(convert(node));
  for (int i = 0; i < graph.input_size(); ++i)
    result.values[graph.input(i).name()] =
        convert(parse<onnx::TensorProto>(data / fmt::format("input_{}.pb", i)));
  for (int i = 0; i < graph.output_size(); ++i)
    result.expected[graph.output(i).name()] =
        convert(parse<onnx::TensorProto>(data / fmt::format("output_{}.pb", i)));
  return result;
}

}  // namespace lowbit::testing
