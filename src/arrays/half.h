// Rounding of floats to f16 and bf16, to the nearest, ties to even. The result is a float again.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "lowbit/core/element_type.h"

namespace lowbit::arrays {

inline float round_to_bfloat(float v) {
  if (v != v) return v;
  const auto bits = std::bit_cast<std::uint32_t>(v);
  return std::bit_cast<float>((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

inline float round_to_half(float v) {
  const float magnitude = std::fabs(v);
  if (!(magnitude < 65520.0f)) return v != v ? v : std::copysign(std::numeric_limits<float>::infinity(), v);
  // Below the normal numbers of f16 they are multiples of 2^-24: so are the floats from 1/2 to 1.
  if (magnitude < 0x1p-14f) return std::copysign((magnitude + 0.5f) - 0.5f, v);
  const auto bits = std::bit_cast<std::uint32_t>(v);
  return std::bit_cast<float>((bits + 0xfffu + (bits >> 13 & 1u)) & 0xffffe000u);
}

/// `v` as a float of this type has it.
inline float round_to(ElementType type, float v) {
  if (type == ElementType::f16) return round_to_half(v);
  return type == ElementType::bf16 ? round_to_bfloat(v) : v;
}

/// The bits of a float that is one of f16; of a NaN, those of a quiet one.
inline std::uint16_t half_bits(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  const auto sign = static_cast<std::uint32_t>(bits >> 16 & 0x8000u);
  const float magnitude = std::fabs(v);
  if (v != v) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude > 65504.0f) return static_cast<std::uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x1p-14f)
    return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(magnitude * 0x1p24f));
  return static_cast<std::uint16_t>(sign | ((bits & 0x7fffffffu) - 0x38000000u) >> 13);
}

inline float half_from_bits(std::uint16_t h) {
  const std::uint32_t sign = (h & 0x8000u) << 16, rest = h & 0x7fffu;
  float magnitude;
  if (rest >= 0x7c00u)
    magnitude = std::bit_cast<float>(0x7f800000u | (rest & 0x3ffu) << 13);
  else if (rest < 0x400u)
    magnitude = static_cast<float>(rest) * 0x1p-24f;
  else
    magnitude = std::bit_cast<float>((rest << 13) + 0x38000000u);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
}

}  // namespace lowbit::arrays
