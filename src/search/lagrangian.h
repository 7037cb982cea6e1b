// SPDX-License-Identifier: Apache-2.0
// Lagrangian: what a partial choice can become at best, and good whole ones. With multipliers m of the limits
// no choice within them has a goal below the least of goal + m (sums - limits), which is the least of each
// layer by itself. Conversions cost 0 or more, and are left out of bounds.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "search/choice_problem.h"
#include "search/label_search.h"

namespace lowbit::detail {

double weighted_sum(const Criteria& weights, const Criteria& sums);

/// A choice within the limits.
struct Incumbent {
  double goal;
  std::vector<int> choice;
};

class Lagrangian {
 public:
  /// Both are kept by reference. Finds multipliers by a subgradient method.
  Lagrangian(const ChoiceProblem& problem, const LabelGoal& goal);

  /// The best that was met on the way, if any was.
  const std::optional<Incumbent>& incumbent() const { return incumbent_; }
  /// Below the goal of every choice within the limits that begins with `layers` layers of these sums.
  double bound(const Criteria& sums, std::size_t layers) const;
  /// Whether the rest can stay within each of the limits, looked at alone.
  bool can_fit(const Criteria& sums, std::size_t layers) const;

 private:
  /// Of the least of goal + multipliers * sums in each layer: the sums, without conversions.
  Criteria relaxed(std::vector<std::size_t>& picks) const;
  void consider(const std::vector<std::size_t>& picks);
  void fill_suffixes();

  const ChoiceProblem& problem_;
  const LabelGoal& goal_;
  Criteria multipliers_{};
  double constant_ = 0;          ///< multipliers * limits
  std::vector<double> suffix_;   ///< least goal + multipliers * sums of the layers from i on
  std::vector<Criteria> least_;  ///< least sums of the layers from i on
  std::optional<Incumbent> incumbent_{};
};

}  // namespace lowbit::detail
