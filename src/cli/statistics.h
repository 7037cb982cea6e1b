// The two statistics of an evaluation: quantiles of times and the class that a model chose.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit::cli {

/// Nearest rank: element ceil(q * n), counted from 1, of the sorted values; 0 when there are none.
double quantile(std::vector<double> values, double q);
/// Index of the largest element, the first of equals; NaN is never the largest.
std::int64_t argmax(std::span<const float> values);

}  // namespace lowbit::cli
