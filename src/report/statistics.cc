// SPDX-License-Identifier: Apache-2.0
#include "report/statistics.h"

#include <algorithm>
#include <cmath>

namespace lowbit::report {
namespace {

constexpr double kNormal95 = 1.959963984540054;

/// ln of n over k.
double log_choose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}

}  // namespace

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto count = static_cast<std::int64_t>(values.size());
  const auto rank = static_cast<std::int64_t>(std::ceil(q * static_cast<double>(count)));
  return values[static_cast<std::size_t>(std::clamp<std::int64_t>(rank, 1, count) - 1)];
}

Interval wilson(std::int64_t count, std::int64_t total) {
  if (total <= 0) return {0, 1};
  const double n = static_cast<double>(total), p = static_cast<double>(count) / n;
  const double z2 = kNormal95 * kNormal95 / n;
  const double centre = (p + z2 / 2) / (1 + z2);
  const double half = kNormal95 / (1 + z2) * std::sqrt(p * (1 - p) / n + z2 / (4 * n));
  return {std::max(centre - half, 0.0), std::min(centre + half, 1.0)};
}

Interval paired_difference(std::int64_t lost, std::int64_t won, std::int64_t total) {
  if (total <= 0) return {-1, 1};
  const double n = static_cast<double>(total) + 2;
  const double b = static_cast<double>(lost) + 0.5, c = static_cast<double>(won) + 0.5;
  const double centre = (c - b) / n;
  const double half = kNormal95 / n * std::sqrt(b + c - (b - c) * (b - c) / n);
  return {std::max(centre - half, -1.0), std::min(centre + half, 1.0)};
}

double mcnemar_p(std::int64_t lost, std::int64_t won) {
  const std::int64_t n = lost + won;
  double tail = 0;
  for (std::int64_t k = 0; k <= std::min(lost, won); ++k)
    tail += std::exp(log_choose(static_cast<double>(n), static_cast<double>(k)) -
                     static_cast<double>(n) * std::log(2.0));
  return std::min(2 * tail, 1.0);
}

std::int64_t samples_for(std::int64_t lost, std::int64_t won, std::int64_t total, double half_width) {
  if (total <= 0 || half_width <= 0) return 0;
  const double n = static_cast<double>(total) + 2;
  const double b = (static_cast<double>(lost) + 0.5) / n, c = (static_cast<double>(won) + 0.5) / n;
  const double variance = b + c - (b - c) * (b - c);
  return static_cast<std::int64_t>(std::ceil(kNormal95 * kNormal95 * variance / (half_width * half_width)));
}

}  // namespace lowbit::report
