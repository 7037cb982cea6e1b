// SPDX-License-Identifier: Apache-2.0
// How codes are stored in each weight format, and how scales are rounded to fp16.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "lowbit/core/config.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::detail {

/// Width in bits, the codes that fit, and the code that stands for zero where there are no zero points.
struct CodeStorage {
  int width;
  std::int32_t min, max, middle;
};

constexpr CodeStorage storage_of(WeightFormat format) {
  switch (format) {
    case WeightFormat::s8:
      return {8, -128, 127, 0};
    case WeightFormat::u4:
    case WeightFormat::lut4:
      return {4, 0, 15, 8};
    case WeightFormat::s2:
      return {2, 0, 3, 2};
    case WeightFormat::b1:
      return {1, 0, 1, 0};
    case WeightFormat::lut8:
      return {8, 0, 255, 128};
  }
  return {8, -128, 127, 0};
}

constexpr WeightFormat format_for_bits(int bits) {
  if (bits > 4) return WeightFormat::s8;
  return bits > 2 ? WeightFormat::u4 : WeightFormat::s2;
}

/// What a b1 code stands for: +scales[p], or -scales[p] where bit p is set, added in order.
inline float signed_sum(std::uint32_t code, std::span<const float> scales) {
  float sum = 0.0f;
  for (std::size_t p = 0; p < scales.size(); ++p) sum += (code >> p) & 1 ? -scales[p] : scales[p];
  return sum;
}

/// Scales are positive and normal.
inline bool is_scale(float scale) {
  return scale >= std::numeric_limits<float>::min() && scale <= std::numeric_limits<float>::max();
}

/// `scale` rounded to the nearest normal fp16 number (ties to even); unchanged where it is out of their
/// range.
inline float to_half(float scale) {
  // Fp16 has 10 mantissa bits: add half of the last kept place, less one unless that place is odd, and cut.
  const auto bits = std::bit_cast<std::uint32_t>(scale);
  const std::uint32_t rounded = (bits + 0xFFFu + ((bits >> 13) & 1u)) & ~0x1FFFu;
  const float half = std::bit_cast<float>(rounded);
  return scale >= 0x1p-14f && half <= 65504.0f ? half : scale;
}

/// Whether `scale` is exactly a normal fp16 number.
inline bool is_half(float scale) {
  return scale >= 0x1p-14f && scale <= 65504.0f && to_half(scale) == scale;
}

}  // namespace lowbit::detail
