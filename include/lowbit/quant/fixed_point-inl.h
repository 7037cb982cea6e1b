// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/fixed_point.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::fixed_point {

inline int largest_shift(FixedPointRounding rounding) {
  return rounding == FixedPointRounding::reduced ? 14 : 30;
}

}  // namespace detail::fixed_point

LOWBIT_INLINE void check_fixed_point(std::span<const FixedPointRequantization> channels) {
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const FixedPointRequantization& r = channels[c];
    if (r.multiplier < 0)
      detail::throw_error(
          ErrorCode::invalid_argument,
          detail::sentence("the fixed-point multiplier {} of channel {} is negative", r.multiplier, c));
    const int largest = detail::fixed_point::largest_shift(r.rounding);
    if (r.shift < -31 || r.shift > largest)
      detail::throw_error(
          ErrorCode::invalid_argument,
          detail::sentence("the shift {} of channel {} is not in [-31, {}]", r.shift, c, largest));
    if (r.qmin > r.qmax)
      detail::throw_error(
          ErrorCode::invalid_argument,
          detail::sentence("the codes of channel {} from {} to {} are none", c, r.qmin, r.qmax));
  }
}

LOWBIT_INLINE FixedPointRequantization make_fixed_point(double real_multiplier, std::int32_t zero_point,
                                                        IntRange codes, FixedPointRounding rounding) {
  const int largest = detail::fixed_point::largest_shift(rounding);
  if (!(real_multiplier >= 0.0 && real_multiplier < std::ldexp(1.0, largest)))
    detail::throw_error(
        ErrorCode::invalid_argument,
        detail::sentence("the multiplier {} of a fixed-point requantization is not in [0, 2^{})",
                         real_multiplier, largest));
  FixedPointRequantization r{0, 0, zero_point, codes.qmin, codes.qmax, rounding};
  int exponent = 0;
  const double fraction = std::frexp(real_multiplier, &exponent);
  // Up to 2^31, exact in a double: halves away from zero is floor(x + 0.5).
  auto digits = static_cast<std::int64_t>(std::floor(fraction * 2147483648.0 + 0.5));
  if (digits == std::int64_t{1} << 31) {
    digits /= 2;
    ++exponent;
  }
  if (exponent > largest) {  // rounded up to the end of the range
    digits = (std::int64_t{1} << 31) - 1;
    exponent = largest;
  }
  if (exponent >= -31) {
    r.multiplier = static_cast<std::int32_t>(digits);
    r.shift = exponent;
  }
  check_fixed_point(std::span(&r, 1));
  return r;
}

LOWBIT_INLINE std::vector<FixedPointRequantization> make_fixed_point(
    std::span<const std::int32_t> multipliers, std::span<const std::int32_t> shifts, std::int32_t zero_point,
    IntRange codes, FixedPointRounding rounding) {
  if (multipliers.size() != shifts.size())
    detail::throw_error(
        ErrorCode::shape_mismatch,
        detail::sentence("{} fixed-point multipliers have {} shifts", multipliers.size(), shifts.size()));
  std::vector<FixedPointRequantization> channels;
  channels.reserve(multipliers.size());
  for (std::size_t c = 0; c < multipliers.size(); ++c)
    channels.push_back({multipliers[c], shifts[c], zero_point, codes.qmin, codes.qmax, rounding});
  check_fixed_point(channels);
  return channels;
}

}  // namespace lowbit
LOWBIT_END_EXACT
