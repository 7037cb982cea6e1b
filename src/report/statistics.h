// SPDX-License-Identifier: Apache-2.0
// The statistics of an evaluation.
#pragma once

#include <cstdint>
#include <vector>

namespace lowbit::report {

/// Nearest rank: element ceil(q * n), counted from 1, of the sorted values; 0 when there are none.
double quantile(std::vector<double> values, double q);

/// Both ends of a range that holds the true value with 95 % confidence.
struct Interval {
  double low = 0, high = 0;

  bool contains(double value) const { return low <= value && value <= high; }
};

/// Of a part, `count` of `total` samples: Wilson's score interval (Wilson 1927). 0 to 1 where there are none.
Interval wilson(std::int64_t count, std::int64_t total);
/// Of the difference of two parts of the same `total` samples, (won - lost) / total: `lost` samples were
/// right in the first model only, `won` in the second only. Wald's interval with half a sample more in each
/// of the four cells (Agresti and Min, "Simple improved confidence intervals for comparing matched
/// proportions", 2005). -1 to 1 where there are none.
Interval paired_difference(std::int64_t lost, std::int64_t won, std::int64_t total);
/// McNemar's test, exact and two-sided: how probable so uneven a split of `lost` and `won` is where both
/// models are equally good.
double mcnemar_p(std::int64_t lost, std::int64_t won);
/// Samples that it takes until the half width of paired_difference() is `half_width`, where as many of them
/// differ as did of these; 0 where that cannot be said.
std::int64_t samples_for(std::int64_t lost, std::int64_t won, std::int64_t total, double half_width);

}  // namespace lowbit::report
