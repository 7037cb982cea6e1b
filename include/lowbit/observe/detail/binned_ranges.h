// SPDX-License-Identifier: Apache-2.0
// Small questions that observers of a distribution ask.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "lowbit/core/qparams.h"
#include "lowbit/observe/float_histogram.h"

namespace lowbit::detail {

inline Range range_with_zero(const FloatHistogram& seen) {
  return {std::min(seen.min(), 0.0f), std::max(seen.max(), 0.0f)};
}
inline std::int64_t code_count(IntRange codes) {
  return std::int64_t{codes.qmax} - codes.qmin + 1;
}
/// A search is for 2 to 4096 codes, and for more values than zero.
inline bool worth_clipping(Range full, IntRange codes) {
  return code_count(codes) >= 2 && code_count(codes) <= 4096 && full.min < full.max;
}
/// The finite float next to x.
inline float within_floats(double x) {
  constexpr double kLargest = double(std::numeric_limits<float>::max());
  return static_cast<float>(std::clamp(x, -kLargest, kLargest));
}
/// [-threshold, threshold]; the side that holds no magnitude as large as the other's ends where its values
/// do.
inline Range range_of_threshold(float threshold, Range full) {
  const bool low = -full.min > full.max;
  return low ? Range{-threshold, std::min(threshold, full.max)}
             : Range{std::max(-threshold, full.min), threshold};
}

}  // namespace lowbit::detail
