// SPDX-License-Identifier: Apache-2.0
// Chooser: choices from a table within the limits of a search, whose sums are corrected by what networks
// really came to.
#pragma once

#include <optional>

#include "lowbit/search/choose.h"
#include "search/limit_check.h"

namespace lowbit::detail {

class Chooser {
 public:
  /// `table` is kept by reference.
  Chooser(const CostTable& table, const LimitTerms& terms, const ChoiceGoal& goal);

  /// Of at most that noise: the least goal, or without a limit of the drop the least error. Nothing where no
  /// choice keeps the limits.
  std::optional<Choice> within(double noise) const;
  /// Of all that keep the other limits.
  std::optional<Choice> least_error() const;
  /// Where nothing keeps them: the choice of the least sum of what is limited, each as a part of its limit.
  std::optional<Choice> nearest() const;
  /// Learns from a network that was measured how real sums are off the table's.
  void learn(const CostSum& predicted, const NetworkMeasurement& measured);

 private:
  ChoiceLimits limits(double noise) const;
  std::optional<Choice> choose_within(ChoiceLimits limits, const ChoiceGoal& goal) const;

  const CostTable& table_;
  LimitTerms terms_;
  ChoiceGoal goal_;
  /// Real ones against those of the table: ratios, and what is added.
  double ns_ = 1, joules_ = 1, bytes_ = 0, memory_ = 0;
  double ns_logarithms_ = 0;  ///< of all ratios, added up
  int ratios_ = 0;
};

}  // namespace lowbit::detail
