// SPDX-License-Identifier: Apache-2.0
// What a fit looks at: the values of a group that count, and how much each of them counts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/quant/affine_qparams.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

inline bool finite(float x) {
  return x - x == 0.0f;
}

/// The finite values whose importance is positive and finite. Where no importance is usable, nothing says
/// which values matter, and all finite values count alike.
struct GroupValues {
  std::vector<float> values;
  std::vector<float> weights;  ///< in [0, 1], the largest 1, so that nothing overflows; empty: all alike

  double weight(std::size_t i) const { return weights.empty() ? 1.0 : double(weights[i]); }
};

/// Throws Error(shape_mismatch) unless there is no importance or one for each value.
void check_importance(std::span<const float> values, std::span<const float> importance);
/// Throws as check_importance does.
GroupValues group_values(std::span<const float> values, std::span<const float> importance);

/// Weighted mean of |value| over those above `threshold`; 0 without any.
double mean_magnitude(const GroupValues& group, float threshold = -1.0f);

/// Magnitudes in ascending order, and the sums over any run of them at once.
class SortedMagnitudes {
 public:
  explicit SortedMagnitudes(const GroupValues& group);

  std::size_t size() const { return magnitudes_.size(); }
  float operator[](std::size_t i) const { return magnitudes_[i]; }
  /// The first index at or after `from` whose magnitude is above `bound`.
  std::size_t first_above(double bound, std::size_t from) const;

  /// Sums over [begin, end): of weights, and of weight * magnitude.
  double weight(std::size_t begin, std::size_t end) const { return weight_[end] - weight_[begin]; }
  double sum(std::size_t begin, std::size_t end) const { return sum_[end] - sum_[begin]; }

 private:
  std::vector<float> magnitudes_;
  std::vector<double> weight_, sum_;  // below each index
};

}  // namespace lowbit::detail
LOWBIT_END_EXACT

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/group_values-inl.h"
#endif
