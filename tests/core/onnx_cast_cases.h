// SPDX-License-Identifier: Apache-2.0
// The cases that ONNX 1.22 has for its operators Cast and CastLike: names, types and inputs. What they give
// is found by number_oracle.h.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/number_oracle.h"

namespace lowbit::testing {

struct OnnxType {
  std::string_view name;
  ElementType element;
  int number;  ///< TensorProto.DataType
};

inline constexpr OnnxType kOnnxCastTypes[] = {
    {"FLOAT", ElementType::f32, 1},
    {"UINT8", ElementType::u8, 2},
    {"INT8", ElementType::i8, 3},
    {"FLOAT16", ElementType::f16, 10},
    {"DOUBLE", ElementType::f64, 11},
    {"BFLOAT16", ElementType::bf16, 16},
    {"FLOAT8E4M3FN", ElementType::f8e4m3fn, 17},
    {"FLOAT8E4M3FNUZ", ElementType::f8e4m3fnuz, 18},
    {"FLOAT8E5M2", ElementType::f8e5m2, 19},
    {"FLOAT8E5M2FNUZ", ElementType::f8e5m2fnuz, 20},
    {"UINT4", ElementType::u4, 21},
    {"INT4", ElementType::i4, 22},
    {"FLOAT4E2M1", ElementType::f4e2m1, 23},
    {"FLOAT8E8M0", ElementType::f8e8m0, 24},
    {"UINT2", ElementType::u2, 25},
    {"INT2", ElementType::i2, 26},
};

inline const OnnxType& onnx_type(std::string_view name) {
  for (const OnnxType& type : kOnnxCastTypes)
    if (type.name == name) return type;
  throw std::runtime_error("no such type");
}

struct OnnxCastCase {
  std::string name;
  OnnxType from, to;
  bool saturate = true;
  bool like = false;      ///< CastLike
  bool expanded = false;  ///< written out as the Cast that CastLike stands for
  std::vector<std::int64_t> shape{};
  std::vector<std::uint8_t> input{}, output{};  ///< as files have them
};

inline bool is_packed_integer(ElementType type) {
  return !is_float(type) && element_bits(type) < 8;
}

/// Values of a type, rounded to it, as bytes.
inline std::vector<std::uint8_t> oracle_bytes(ElementType type, const std::vector<double>& values,
                                              bool saturate) {
  std::vector<std::uint8_t> bytes(element_bytes(type, values.size()));
  const auto bits = static_cast<std::size_t>(element_bits(type));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double v = values[i];
    std::uint64_t code = 0;
    const auto narrow = static_cast<float>(v);
    if (const FloatFields* f = float_fields(type))
      code = static_cast<std::uint64_t>(encoded(*f, v, saturate));
    else if (type == ElementType::f64)
      std::memcpy(&code, &v, 8);
    else if (type == ElementType::f32)
      std::memcpy(&code, &narrow, 4);
    else if (type == ElementType::f8e8m0)
      code = static_cast<std::uint64_t>(scale_code(v, 1));
    else
      code = static_cast<std::uint64_t>(static_cast<std::int64_t>(v));
    if (bits < 8)
      bytes[i * bits / 8] =
          static_cast<std::uint8_t>(bytes[i * bits / 8] | (code & ((1u << bits) - 1)) << i * bits % 8);
    else
      std::memcpy(&bytes[i * (bits / 8)], &code, bits / 8);
  }
  return bytes;
}

/// What the bytes of a type stand for.
inline std::vector<double> oracle_values(ElementType type, const std::vector<std::uint8_t>& bytes,
                                         std::size_t count) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) {
    float narrow = 0;
    double wide = 0;
    if (type == ElementType::f64) std::memcpy(&wide, &bytes[8 * i], 8);
    if (type == ElementType::f32) std::memcpy(&narrow, &bytes[4 * i], 4);
    if (type == ElementType::f32) wide = narrow;
    if (element_bits(type) > 16) {
      values.push_back(wide);
      continue;
    }
    const int code = code_at(type, bytes, i), half = 1 << (element_bits(type) - 1);
    if (const FloatFields* f = float_fields(type))
      wide = decoded(*f, code);
    else if (type == ElementType::f8e8m0)
      wide = code == 255 ? std::nan("") : std::ldexp(1.0, code - 127);
    else
      wide = element_name(type)[0] == 'i' && code >= half ? code - 2 * half : code;
    values.push_back(wide);
  }
  return values;
}

/// The numbers that a case starts from, and their shape.
inline std::pair<std::vector<float>, std::vector<std::int64_t>> onnx_cast_input(ElementType from,
                                                                                ElementType to) {
  const float kInfinite = HUGE_VALF, kNone = std::numeric_limits<float>::quiet_NaN();
  const auto either = [&](auto is) { return is(from) || is(to); };
  const auto is_one_of = [&](ElementType a, ElementType b) {
    return either([&](ElementType t) { return t == a || t == b; });
  };
  if (is_one_of(ElementType::f8e8m0, ElementType::f8e8m0))
    return {{0, 0.124f, 0.25f, 0.5f, 1.1f, 2, 4, 8}, {2, 4}};
  if (either([](ElementType t) { return element_bits(t) == 8 && is_float(t); }))
    return {{0.47892547f, 0.48033667f, 0.49968487f, 0.81910545f, 0.47031248f, 0.7229038f, 1000000, 1e-7f,
             kNone, kInfinite, kInfinite, -kInfinite, -0.0000001f, 0.0000001f, -1000000},
            {3, 5}};
  if (is_one_of(ElementType::i4, ElementType::u4)) {
    std::vector<float> all;
    for (int v = -9; v < 16; ++v) all.push_back(static_cast<float>(v));
    return {all, {5, 5}};
  }
  if (is_one_of(ElementType::i2, ElementType::u2)) return {{-3, -2, -1, 0, 1, 2, 3}, {7, 1}};
  if (is_one_of(ElementType::f4e2m1, ElementType::f4e2m1))
    return {{0.48f, 0.25f, 1.05f, -3.5f, -8, 9, 1000000, 1e-7f, kNone, kInfinite, kInfinite, -kInfinite, -4,
             0.01f, -0.0f},
            {3, 5}};
  return {{0.47892547f, 0.48033667f, 0.49968487f, 0.81910545f, 0.47031248f, 0.816468f, 0.21087195f,
           0.7229038f, kNone, kInfinite, kInfinite, -kInfinite},
          {3, 4}};
}

inline OnnxCastCase make_cast_case(std::string name, const OnnxType& from, const OnnxType& to,
                                   bool saturate) {
  OnnxCastCase c{std::move(name), from, to, saturate};
  const auto [numbers, shape] = onnx_cast_input(from.element, to.element);
  c.shape = shape;
  c.input = oracle_bytes(from.element, {numbers.begin(), numbers.end()}, true);
  c.output = oracle_bytes(to.element, oracle_values(from.element, c.input, numbers.size()), saturate);
  return c;
}

/// All 172 of them.
inline std::vector<OnnxCastCase> onnx_cast_cases() {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"FLOAT", "FLOAT16"}, {"FLOAT", "DOUBLE"},   {"FLOAT16", "FLOAT"},  {"FLOAT16", "DOUBLE"},
      {"DOUBLE", "FLOAT"},  {"DOUBLE", "FLOAT16"}, {"FLOAT", "BFLOAT16"}, {"BFLOAT16", "FLOAT"}};
  const std::vector<std::string> floats = {"FLOAT", "FLOAT16"};
  const std::vector<std::string> fp8 = {"FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ"};
  std::vector<std::string> small = fp8;
  small.insert(small.end(), {"FLOAT4E2M1", "UINT4", "INT4", "UINT2", "INT2"});
  for (const std::string& type : small)
    for (const std::string& wide : floats) pairs.insert(pairs.end(), {{wide, type}, {type, wide}});
  pairs.insert(pairs.end(), {{"UINT4", "UINT8"}, {"INT4", "INT8"}, {"UINT2", "UINT8"}, {"INT2", "INT8"}});
  std::vector<OnnxCastCase> cases;
  const auto add = [&](const std::string& kind, const std::string& from, const std::string& to,
                       bool saturate) {
    const std::string end = kind + from + "_to_" + to;
    cases.push_back(make_cast_case("test_cast_" + end, onnx_type(from), onnx_type(to), saturate));
    if (kind == "e8m0_") return;
    for (const bool expanded : {false, true}) {
      cases.push_back(cases.back());
      cases.back().name = "test_castlike_" + end + (expanded ? "_expanded" : "");
      cases.back().like = true;
      cases.back().expanded = expanded;
    }
  };
  for (const auto& [from, to] : pairs) add("", from, to, true);
  for (const std::string& from : floats) {
    for (const std::string& to : fp8) add("no_saturate_", from, to, false);
    add("e8m0_", from, "FLOAT8E8M0", true);
    add("e8m0_", "FLOAT8E8M0", from, true);
  }
  return cases;
}

}  // namespace lowbit::testing
