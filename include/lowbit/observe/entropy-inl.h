// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "lowbit/observe/detail/binned_ranges.h"
#include "lowbit/observe/entropy.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::entropy {

inline constexpr std::size_t kBins = 2048;

// Masses of even bins from 0 to the largest magnitude, zeros left out.
inline std::vector<double> even_bins(const FloatHistogram& magnitudes) {
  std::vector<double> mass(kBins);
  const double width = double(magnitudes.max()) / static_cast<double>(kBins);
  const auto bin_at = [&](double x) { return std::min(static_cast<std::size_t>(x / width), kBins - 1); };
  for (const auto& b : magnitudes.bins()) {
    if (b.hi == 0) continue;
    const auto count = static_cast<double>(b.count);
    const std::size_t first = bin_at(b.lo), last = bin_at(b.hi);
    if (first == last) {
      mass[first] += count;
      continue;
    }
    for (std::size_t i = first; i <= last; ++i) {
      const double from = std::max(b.lo, static_cast<double>(i) * width),
                   to = i == last ? b.hi : std::min(b.hi, static_cast<double>(i + 1) * width);
      if (to > from) mass[i] += count * ((to - from) / (b.hi - b.lo));
    }
  }
  return mass;
}

inline double x_log_x(double x) {
  return x > 0 ? x * std::log(x) : 0;
}

// Divergences for every number of kept bins, from sums over the bins before each.
class Divergence {
 public:
  Divergence(const std::vector<double>& mass, std::size_t levels)
      : mass_(mass), levels_(levels), sums_(kBins + 1), logs_(kBins + 1), filled_(kBins + 1) {
    for (std::size_t i = 0; i < kBins; ++i) {
      sums_[i + 1] = sums_[i] + mass[i];
      logs_[i + 1] = logs_[i] + x_log_x(mass[i]);
      filled_[i + 1] = filled_[i] + (mass[i] > 0 ? 1 : 0);
    }
  }

  double operator()(std::size_t kept) const {
    const double all = sums_[kBins], inside = sums_[kept], beyond = all - inside;
    const bool outliers = filled_[kBins] > filled_[kept];
    if (inside < all / 2 || (outliers && mass_[kept - 1] == 0))
      return std::numeric_limits<double>::infinity();
    // sum(P log P), then less sum(P log Q), both before the division by their totals.
    double sum = logs_[kept - 1] + x_log_x(mass_[kept - 1] + (outliers ? beyond : 0));
    for (std::size_t level = 0; level < levels_; ++level) {
      const std::size_t from = level * kept / levels_, to = (level + 1) * kept / levels_;
      const double q = sums_[to] - sums_[from], p = to == kept && outliers ? q + beyond : q;
      if (filled_[to] > filled_[from]) sum -= p * std::log(q / (filled_[to] - filled_[from]));
    }
    return sum / all - std::log(all / inside);
  }

 private:
  const std::vector<double>& mass_;
  std::size_t levels_;
  std::vector<double> sums_, logs_;
  std::vector<int> filled_;
};

}  // namespace detail::entropy

LOWBIT_INLINE Range EntropyObserver::range(IntRange codes) const {
  using namespace detail::entropy;
  const Range full = detail::range_with_zero(seen_);
  if (!detail::worth_clipping(full, codes)) return full;
  const auto magnitudes = seen_.magnitudes();
  const auto levels = static_cast<std::size_t>((detail::code_count(codes) + 1) / 2);
  const auto mass = even_bins(magnitudes);
  const Divergence divergence(mass, levels);
  std::size_t best = kBins;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t kept = levels; kept <= kBins; ++kept)
    if (const double d = divergence(kept); d < least) least = d, best = kept;
  const double width = double(magnitudes.max()) / static_cast<double>(kBins);
  return detail::range_of_threshold(static_cast<float>(static_cast<double>(best) * width), full);
}

}  // namespace lowbit
LOWBIT_END_EXACT
