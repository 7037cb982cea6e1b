// SPDX-License-Identifier: Apache-2.0
#include "report/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lowbit::report {

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto count = static_cast<std::int64_t>(values.size());
  const auto rank = static_cast<std::int64_t>(std::ceil(q * static_cast<double>(count)));
  return values[static_cast<std::size_t>(std::clamp<std::int64_t>(rank, 1, count) - 1)];
}

}  // namespace lowbit::report
