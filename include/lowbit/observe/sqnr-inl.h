// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/observe/detail/binned_error.h"
#include "lowbit/observe/detail/binned_ranges.h"
#include "lowbit/observe/sqnr.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::sqnr {

inline constexpr int kScales = 256, kScalesPerOctave = 16, kZeroPoints = 33;

// As steps above the lowest code, ascending.
inline std::vector<double> zero_points(Range full, double steps) {
  if (full.min == 0) return {0};
  if (full.max == 0) return {steps};
  const double whole = std::nearbyint(-double(full.min) * steps / (double(full.max) - double(full.min)));
  std::vector<double> result{whole};
  const double parts = std::min<double>(kZeroPoints - 1, steps);
  for (int i = 0; i <= static_cast<int>(parts); ++i) result.push_back(std::nearbyint(i * steps / parts));
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

}  // namespace detail::sqnr

LOWBIT_INLINE SqnrObserver::SqnrObserver(double gamma) : gamma_(gamma) {
  if (!(gamma > 0) || !std::isfinite(gamma))
    detail::throw_error(
        ErrorCode::invalid_argument,
        detail::sentence("the weight of clipping noise is positive and finite, not {}", gamma));
}

LOWBIT_INLINE void SqnrObserver::merge(const SqnrObserver& other) {
  if (other.gamma_ != gamma_)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("observers that weigh clipping {} and {} times cannot be merged",
                                         gamma_, other.gamma_));
  seen_.merge(other.seen_);
}

LOWBIT_INLINE Range SqnrObserver::range(IntRange codes) const {
  using namespace detail::sqnr;
  const Range full = detail::range_with_zero(seen_);
  if (!detail::worth_clipping(full, codes)) return full;
  const detail::BinnedError error(seen_);
  const std::int64_t count = detail::code_count(codes);
  const auto steps = static_cast<double>(count - 1);
  const auto zeros = zero_points(full, steps);
  double least = std::numeric_limits<double>::infinity(), best_scale = 0, best_zero = 0;
  for (int i = 0; i < kScales; ++i) {
    const double scale =
        (double(full.max) - double(full.min)) / steps * std::exp2(-double(i) / kScalesPerOctave);
    for (const double zero : zeros) {
      // Clipping alone may cost more.
      const double low = -zero * scale, high = (steps - zero) * scale;
      if (error.below(low - scale / 2) + error.above(high + scale / 2) > least * (1 + 1e-9)) continue;
      const double noise = error({-zero * scale, scale, count}, gamma_);
      if (noise < least) least = noise, best_scale = scale, best_zero = zero;
    }
  }
  return {detail::within_floats(0.0 - best_zero * best_scale),
          detail::within_floats((steps - best_zero) * best_scale)};
}

}  // namespace lowbit
LOWBIT_END_EXACT
