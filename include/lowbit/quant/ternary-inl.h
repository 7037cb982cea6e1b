// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/group_values.h"
#include "lowbit/quant/ternary.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::ternary {

inline constexpr double kSmallest = std::numeric_limits<float>::min();

// Halfway between the levels is the best threshold for any scale, hence also for a raised one.
inline TernaryGroup tiny_group() {
  return {static_cast<float>(kSmallest), static_cast<float>(kSmallest / 2)};
}

inline TernaryGroup best_threshold(const detail::GroupValues& group) {
  const detail::SortedMagnitudes magnitudes(group);
  const std::size_t n = magnitudes.size();
  TernaryGroup best{1.0f, 0.0f};
  double best_gain = 0, scale = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float dropped = i == 0 ? 0.0f : magnitudes[i - 1];
    if (!(magnitudes[i] > dropped)) continue;  // no threshold tells equal magnitudes apart
    const double sum = magnitudes.sum(i, n), weight = magnitudes.weight(i, n);
    const double gain = sum / weight * sum;
    if (!(gain > best_gain)) continue;
    best_gain = gain;
    scale = sum / weight;
    best.threshold = dropped;
  }
  if (best_gain == 0) return best;
  if (scale < kSmallest) return tiny_group();
  best.scale = detail::normal_scale(scale);
  return best;
}

// Mean of the values for which `sign * value` is above the threshold; 0 if there are none.
inline double mean_beyond(const detail::GroupValues& group, float sign, float threshold) {
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < group.values.size(); ++i) {
    const float v = sign * group.values[i];
    if (!(v > threshold)) continue;
    sum += group.weight(i) * double(v);
    weight += group.weight(i);
  }
  return weight > 0 ? sum / weight : 0.0;
}

}  // namespace detail::ternary

LOWBIT_INLINE TernaryGroup Twn::fit(std::span<const float> values, std::span<const float> importance) const {
  using namespace detail::ternary;
  const detail::GroupValues group = detail::group_values(values, importance);
  if (exact) return best_threshold(group);
  const double mean = detail::mean_magnitude(group);
  if (mean == 0) return {1.0f, 0.0f};
  if (mean < kSmallest) return tiny_group();
  const auto threshold = static_cast<float>(0.7 * mean);
  return {detail::normal_scale(detail::mean_magnitude(group, threshold)), threshold};
}

LOWBIT_INLINE TernaryGroup AbsMean::fit(std::span<const float> values,
                                        std::span<const float> importance) const {
  const double mean = detail::mean_magnitude(detail::group_values(values, importance));
  if (mean == 0) return {1.0f, 0.0f};
  const float scale = detail::normal_scale(mean);
  return {scale, scale / 2};
}

LOWBIT_INLINE LutGroup Ttq::fit(std::span<const float> values, std::span<const float> importance) const {
  using namespace detail::ternary;
  if (!(threshold >= 0.0f && threshold < 1.0f))
    detail::throw_error(
        ErrorCode::invalid_argument,
        detail::sentence("a threshold is from 0 up to but not including 1 of the largest magnitude, not {}",
                         threshold));
  const detail::GroupValues group = detail::group_values(values, importance);
  float largest = 0.0f;
  for (const float v : group.values) largest = std::fabs(v) > largest ? std::fabs(v) : largest;
  if (largest == 0.0f) return {1.0f, {-1.0f, 0.0f, 1.0f}};
  const double negative = mean_beyond(group, -1.0f, threshold * largest);
  const double positive = mean_beyond(group, 1.0f, threshold * largest);
  const float wn = detail::normal_scale(negative > 0 ? negative : positive);
  const float wp = detail::normal_scale(positive > 0 ? positive : negative);
  return {1.0f, {-wn, 0.0f, wp}};
}

}  // namespace lowbit
LOWBIT_END_EXACT
