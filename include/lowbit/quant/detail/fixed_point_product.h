// SPDX-License-Identifier: Apache-2.0
// The integer steps of a fixed-point requantization; inline, since loops do many.
#pragma once

#include <cstdint>

#include "lowbit/core/config.h"
#include "lowbit/quant/fixed_point.h"

namespace lowbit::detail::fixed_point {

inline std::int64_t limited(std::int64_t x, int bits) {
  const std::int64_t end = std::int64_t{1} << (bits - 1);
  return x < -end ? -end : x >= end ? end - 1 : x;
}

/// (x + 2^(shift - 1)) >> shift: halves up. shift > 0.
inline std::int64_t shift_halves_up(std::int64_t x, int shift) {
  return (x + (std::int64_t{1} << (shift - 1))) >> shift;
}

inline std::int64_t shift_halves_away(std::int64_t x, int shift) {
  const std::int64_t mask = (std::int64_t{1} << shift) - 1, rest = x & mask;
  return (x >> shift) + (rest > (mask >> 1) + (x < 0 ? 1 : 0) ? 1 : 0);
}

inline std::int64_t product(std::int64_t sum, const FixedPointRequantization& r) {
  switch (r.rounding) {
    case FixedPointRounding::twice: {
      const int left = r.shift > 0 ? r.shift : 0;
      const std::int64_t shifted = limited(limited(sum, 32) * (std::int64_t{1} << left), 32);
      const std::int64_t high = shift_halves_up(shifted * r.multiplier, 31);
      return shift_halves_away(high, left - r.shift);
    }
    case FixedPointRounding::once:
      return shift_halves_up(limited(sum, 32) * r.multiplier, 31 - r.shift);
    case FixedPointRounding::reduced: {
      const std::int64_t multiplier =
          r.multiplier < 0x7FFF0000 ? (r.multiplier + (1 << 15)) >> 16 : std::int64_t{0x7FFF};
      return shift_halves_up(limited(sum, 48) * multiplier, 15 - r.shift);
    }
  }
  return 0;
}

}  // namespace lowbit::detail::fixed_point

namespace lowbit {

inline std::int32_t requantize(std::int64_t sum, const FixedPointRequantization& r) noexcept {
  const std::int64_t code = detail::fixed_point::product(sum, r) + r.zero_point;
  return static_cast<std::int32_t>(code < r.qmin ? r.qmin : code > r.qmax ? r.qmax : code);
}

}  // namespace lowbit
