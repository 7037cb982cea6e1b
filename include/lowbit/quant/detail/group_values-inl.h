// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/quant/detail/group_values.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

LOWBIT_INLINE void check_importance(std::span<const float> values, std::span<const float> importance) {
  if (!importance.empty() && importance.size() != values.size())
    throw_error(ErrorCode::shape_mismatch, sentence("{} importances were given for a group of {} values",
                                                    importance.size(), values.size()));
}

LOWBIT_INLINE GroupValues group_values(std::span<const float> values, std::span<const float> importance) {
  check_importance(values, importance);
  GroupValues group;
  group.values.reserve(values.size());
  if (!importance.empty()) {
    group.weights.reserve(values.size());
    float largest = 0.0f;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float w = importance[i];
      if (!finite(values[i]) || !finite(w) || !(w > 0.0f)) continue;
      group.values.push_back(values[i]);
      group.weights.push_back(w);
      largest = w > largest ? w : largest;
    }
    for (float& w : group.weights) w /= largest;
    if (!group.values.empty()) return group;
  }
  float least, greatest;
  if (kernels::elementwise().min_max(values.data(), values.size(), &least, &greatest) == 0) {
    group.values.assign(values.begin(), values.end());
    return group;
  }
  for (const float v : values)
    if (finite(v)) group.values.push_back(v);
  return group;
}

LOWBIT_INLINE double mean_magnitude(const GroupValues& group, float threshold) {
  // Value i goes to partial sum i % kLanes: sums that do not wait for each other, in an order that no
  // processor changes. In blocks, so that the choices become vector code and not branches.
  constexpr std::size_t kLanes = 8, kBlock = 256;
  double sums[kLanes] = {}, weights[kLanes] = {};
  float counted[kBlock], magnitudes[kBlock];
  for (std::size_t begin = 0; begin < group.values.size(); begin += kBlock) {
    const std::size_t n = std::min(kBlock, group.values.size() - begin);
    const float* x = group.values.data() + begin;
    for (std::size_t i = 0; i < n; ++i) magnitudes[i] = std::fabs(x[i]);
    for (std::size_t i = 0; i < n; ++i) counted[i] = magnitudes[i] > threshold ? 1.0f : 0.0f;
    if (!group.weights.empty())
      for (std::size_t i = 0; i < n; ++i) counted[i] *= group.weights[begin + i];
    std::fill(counted + n, counted + kBlock, 0.0f);
    std::fill(magnitudes + n, magnitudes + kBlock, 0.0f);
    for (std::size_t i = 0; i < n; i += kLanes)
      for (std::size_t j = 0; j < kLanes; ++j) {
        sums[j] += double(counted[i + j]) * double(magnitudes[i + j]);
        weights[j] += double(counted[i + j]);
      }
  }
  double sum = 0, weight = 0;
  for (std::size_t j = 0; j < kLanes; ++j) sum += sums[j], weight += weights[j];
  return weight > 0 ? sum / weight : 0.0;
}

LOWBIT_INLINE SortedMagnitudes::SortedMagnitudes(const GroupValues& group)
    : magnitudes_(group.values), weight_(group.values.size() + 1), sum_(group.values.size() + 1) {
  for (float& m : magnitudes_) m = std::fabs(m);
  std::vector<float> weights;
  if (group.weights.empty()) {
    std::sort(magnitudes_.begin(), magnitudes_.end());
  } else {
    std::vector<std::pair<float, float>> pairs(magnitudes_.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {magnitudes_[i], group.weights[i]};
    std::sort(pairs.begin(), pairs.end());
    weights.resize(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) std::tie(magnitudes_[i], weights[i]) = pairs[i];
  }
  for (std::size_t i = 0; i < magnitudes_.size(); ++i) {
    const double w = weights.empty() ? 1.0 : double(weights[i]);
    weight_[i + 1] = weight_[i] + w;
    sum_[i + 1] = sum_[i] + w * double(magnitudes_[i]);
  }
}

LOWBIT_INLINE std::size_t SortedMagnitudes::first_above(double bound, std::size_t from) const {
  const auto begin = magnitudes_.begin() + static_cast<std::ptrdiff_t>(from);
  const auto at = std::upper_bound(begin, magnitudes_.end(), bound, [](double b, float m) { return b < m; });
  return static_cast<std::size_t>(at - magnitudes_.begin());
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
