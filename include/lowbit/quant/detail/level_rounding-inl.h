// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "lowbit/quant/detail/level_rounding.h"
#include "lowbit/quant/detail/magnitude.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace level_rounding {

inline constexpr int kLargest = 127, kSmallest = 64;

// Sum of squared errors in units of the largest level, with that level at `top`.
inline double error_at(std::span<const float> levels, double largest, int top) {
  double sum = 0;
  for (const float l : levels) {
    const double v = double(l) / largest * top, e = (v - std::nearbyint(v)) / top;
    sum += e * e;
  }
  return sum;
}

inline bool exact_at(std::span<const float> levels, double largest, int top) {
  for (const float l : levels) {
    const double v = double(l) / largest * top;
    if (std::fabs(v - std::nearbyint(v)) > 1e-6 * top) return false;
  }
  return true;
}

}  // namespace level_rounding

LOWBIT_INLINE IntegerLevels round_levels(std::span<const float> levels) {
  using namespace level_rounding;
  IntegerLevels out;
  out.integer.assign(levels.size(), 0);
  const double largest = double(largest_magnitude(levels));
  if (largest == 0.0) {
    out.exact = true;
    return out;
  }
  int best = 0;
  for (int top = 1; top <= kLargest && best == 0; ++top)
    if (exact_at(levels, largest, top)) best = top;
  out.exact = best != 0;
  double least = 0;
  for (int top = kSmallest; top <= kLargest && !out.exact; ++top) {
    const double e = error_at(levels, largest, top);
    if (best == 0 || e < least) best = top, least = e;
  }
  out.unit = static_cast<float>(largest / best);
  for (std::size_t i = 0; i < levels.size(); ++i)
    out.integer[i] = static_cast<std::int8_t>(std::nearbyint(double(levels[i]) / largest * best));
  return out;
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
