// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <limits>

#include "lowbit/core/half.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE float float16::round(float x) noexcept {
  const float magnitude = std::fabs(x);
  if (!(magnitude < 65520.0f)) return x != x ? x : std::copysign(std::numeric_limits<float>::infinity(), x);
  // Below the normal numbers of float16 they are multiples of 2^-24: so are the floats from 1/2 to 1.
  if (magnitude < 0x1p-14f) return std::copysign((magnitude + 0.5f) - 0.5f, x);
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::bit_cast<float>((bits + 0xfffu + (bits >> 13 & 1u)) & 0xffffe000u);
}

LOWBIT_INLINE std::uint16_t float16::encode(float x) noexcept {
  const float rounded = float16::round(x), magnitude = std::fabs(rounded);
  const auto bits = std::bit_cast<std::uint32_t>(rounded);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  if (x != x) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude > 65504.0f) return static_cast<std::uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x1p-14f)
    return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(magnitude * 0x1p24f));
  return static_cast<std::uint16_t>(sign | ((bits & 0x7fffffffu) - 0x38000000u) >> 13);
}

LOWBIT_INLINE float float16::decode(std::uint16_t bits) noexcept {
  const std::uint32_t sign = (bits & 0x8000u) << 16, rest = bits & 0x7fffu;
  float magnitude;
  if (rest >= 0x7c00u)
    magnitude = std::bit_cast<float>(0x7f800000u | (rest & 0x3ffu) << 13);
  else if (rest < 0x400u)
    magnitude = static_cast<float>(rest) * 0x1p-24f;
  else
    magnitude = std::bit_cast<float>((rest << 13) + 0x38000000u);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
}

LOWBIT_INLINE float bfloat16::round(float x) noexcept {
  if (x != x) return x;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

LOWBIT_INLINE std::uint16_t bfloat16::encode(float x) noexcept {
  const std::uint32_t upper = std::bit_cast<std::uint32_t>(bfloat16::round(x)) >> 16;
  return static_cast<std::uint16_t>(x != x ? (upper & 0x8000u) | 0x7fc0u : upper);
}

LOWBIT_INLINE float bfloat16::decode(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace lowbit
LOWBIT_END_EXACT
