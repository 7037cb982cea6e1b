// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "lowbit/observe/batch_mean.h"
#include "lowbit/observe/batch_median.h"
#include "lowbit/observe/batch_robust.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::batch_averages {

// 0 of nothing.
inline double median(std::vector<double> x) {
  if (x.empty()) return 0;
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  if (x.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(x.begin(), middle)) / 2;
}

struct Ends {
  std::vector<double> min, max;

  explicit Ends(const std::vector<Range>& ranges) {
    for (const Range& r : ranges) min.push_back(double(r.min)), max.push_back(double(r.max));
  }
};

inline Range mean(const std::vector<Range>& ranges) {
  double min = 0, max = 0;
  for (const Range& r : ranges) min += double(r.min), max += double(r.max);
  const double n = std::max(1.0, static_cast<double>(ranges.size()));
  return {static_cast<float>(min / n), static_cast<float>(max / n)};
}

inline Range medians(const Ends& ends) {
  return {static_cast<float>(median(ends.min)), static_cast<float>(median(ends.max))};
}

// Whether a value is no outlier among some.
class Typical {
 public:
  explicit Typical(std::vector<double> x) : median_(median(x)) {
    for (double& v : x) v = std::fabs(v - median_);
    reach_ = 3 * 1.4826 * median(std::move(x));
  }
  bool operator()(float x) const { return std::fabs(double(x) - median_) <= reach_; }

 private:
  double median_, reach_ = 0;
};

}  // namespace detail::batch_averages

LOWBIT_INLINE Range BatchMeanObserver::range(IntRange) const {
  using namespace detail::batch_averages;
  return mean(finite_ranges());
}

LOWBIT_INLINE Range BatchMedianObserver::range(IntRange) const {
  using namespace detail::batch_averages;
  return medians(Ends(finite_ranges()));
}

LOWBIT_INLINE Range BatchRobustObserver::range(IntRange) const {
  using namespace detail::batch_averages;
  auto ranges = finite_ranges();
  const Ends ends(ranges);
  const Typical low(ends.min), high(ends.max);
  std::erase_if(ranges, [&](const Range& r) { return !low(r.min) || !high(r.max); });
  return ranges.empty() ? medians(ends) : mean(ranges);
}

}  // namespace lowbit
LOWBIT_END_EXACT
