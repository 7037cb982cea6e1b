#include "cli/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lowbit::cli {

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto count = static_cast<std::int64_t>(values.size());
  const auto rank = static_cast<std::int64_t>(std::ceil(q * static_cast<double>(count)));
  return values[static_cast<std::size_t>(std::clamp<std::int64_t>(rank, 1, count) - 1)];
}

std::int64_t argmax(std::span<const float> values) {
  std::size_t best = 0;
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] > largest) {
      largest = values[i];
      best = i;
    }
  return static_cast<std::int64_t>(best);
}

}  // namespace lowbit::cli
