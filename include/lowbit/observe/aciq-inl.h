// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>

#include "lowbit/observe/aciq.h"
#include "lowbit/observe/detail/binned_ranges.h"
#include "lowbit/quant/detail/aciq.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::aciq_observer {

using Bin = FloatHistogram::Bin;

inline double mean_of(const std::vector<Bin>& bins) {
  double sum = 0, n = 0;
  for (const Bin& b : bins) {
    n += static_cast<double>(b.count);
    sum += static_cast<double>(b.count) * ((b.lo + b.hi) / 2);
  }
  return n > 0 ? sum / n : 0;
}

// Mean of |x - center| where x is spread evenly over the bin.
inline double mean_deviation(const Bin& b, double center) {
  const double lo = b.lo - center, hi = b.hi - center;
  if (lo >= 0 || hi <= 0) return std::fabs(lo + hi) / 2;
  return (lo * lo + hi * hi) / (2 * (hi - lo));
}

inline detail::Spread spread_of(const std::vector<Bin>& bins, double center, bool zeros) {
  double squares = 0, magnitudes = 0, n = 0;
  for (const Bin& b : bins) {
    if (!zeros && b.lo == 0 && b.hi == 0) continue;
    const auto count = static_cast<double>(b.count);
    const double lo = b.lo - center, hi = b.hi - center;
    n += count;
    squares += count * ((lo * lo + lo * hi + hi * hi) / 3);
    magnitudes += count * mean_deviation(b, center);
  }
  if (n == 0) return {};
  return {std::sqrt(squares / n), magnitudes / n};
}

}  // namespace detail::aciq_observer

LOWBIT_INLINE Range AciqObserver::range(IntRange codes) const {
  using namespace detail::aciq_observer;
  const Range full{seen_.min(), seen_.max()};
  const std::int64_t count = detail::code_count(codes);
  if (count < 3 || count > 256 || full.min == full.max) return full;
  const auto bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(count - 1)));
  const auto bins = seen_.bins();
  const bool half = full.min >= 0 || full.max <= 0;
  const double center = half ? 0 : mean_of(bins);
  const double alpha = detail::aciq_alpha(spread_of(bins, center, !half), half ? bits + 1 : bits);
  const auto low = static_cast<float>(center - alpha), high = static_cast<float>(center + alpha);
  return {std::max(std::min(full.min, 0.0f), low), std::min(std::max(full.max, 0.0f), high)};
}

}  // namespace lowbit
LOWBIT_END_EXACT
