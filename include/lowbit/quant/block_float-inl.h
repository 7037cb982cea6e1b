// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "lowbit/quant/block_float.h"
#include "lowbit/quant/detail/magnitude.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

namespace detail::block_float {

#include "lowbit/core/minifloat_encode.inl"

// Of a positive normal number; of others below that of any. std::ilogb is a call.
inline int exponent_of(float x) {
  return static_cast<int>(std::bit_cast<std::uint32_t>(x) >> 23) - 127;
}

// The nearest positive number of FP8 E4M3, as encode and decode of minifloat.h find it, which are calls for
// each.
inline float to_e4m3(float x) {
  const std::uint32_t code = encode_element<8, 3, 7, true>(x, 448.0f) & 0x7F;
  return std::bit_cast<float>((code == 0 ? 1 : code) << 20) * 0x1p120f;
}

}  // namespace detail::block_float

namespace detail {

LOWBIT_INLINE std::vector<float> finite_table(MiniFloat format) {
  std::vector<float> levels = minifloat::table(format);
  for (float& l : levels) l = std::isfinite(l) ? l : 0.0f;
  return levels;
}

LOWBIT_INLINE ScaleGroup fit_minifloat(Range range, MiniFloat format) {
  return {scale_for(largest_magnitude(range), minifloat::largest(format))};
}

LOWBIT_INLINE float fit_power_of_two(Range range, int exponent) {
  using namespace detail::block_float;
  const float magnitude = largest_magnitude(range);
  if (magnitude == 0.0f) return 1.0f;
  // Scales are normal floats: the blocks that would need a smaller one round to zero.
  const int e = exponent_of(magnitude) - exponent, least = std::numeric_limits<float>::min_exponent - 1 + 6;
  return std::bit_cast<float>(static_cast<std::uint32_t>((e < least ? least : e) + 127) << 23);
}

}  // namespace detail

LOWBIT_INLINE ScaleGroup MxFp::fit_range(Range range) const {
  using namespace detail::block_float;
  return {detail::fit_power_of_two(range, exponent_of(minifloat::largest(element)))};
}

LOWBIT_INLINE ScaleGroup NvFp4::fit_range(Range range) const {
  using namespace detail::block_float;
  constexpr float kLargest = 6.0f;  // of the elements
  const float wanted = detail::scale_for(detail::largest_magnitude(range), kLargest);
  const float unit = matrix_scale > 0.0f ? matrix_scale : 1.0f;
  const float scale = to_e4m3(wanted / unit) * unit;
  return {scale < std::numeric_limits<float>::min() ? std::numeric_limits<float>::min() : scale};
}

LOWBIT_INLINE AnyQuantizer NvFp4::bind(const MatrixView& weights, const MatrixView&) const {
  if (matrix_scale > 0.0f) return *this;
  NvFp4 bound = *this;
  const float of_fp8 = minifloat::largest(MiniFloat::fp8_e4m3fn) * minifloat::largest(minifloat());
  bound.matrix_scale = detail::scale_for(detail::largest_magnitude(weights), of_fp8);
  return bound;
}

}  // namespace lowbit
LOWBIT_END_EXACT
