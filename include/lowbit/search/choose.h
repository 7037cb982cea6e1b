// SPDX-License-Identifier: Apache-2.0
// choose: one scheme for each layer, exactly: a multiple-choice knapsack of several constraints (Kellerer,
// Pferschy, Pisinger, "Knapsack Problems", 2004, chapter 11). Layer by layer all partial choices are kept
// that no other one beats in every sum that counts (Nemhauser and Ullmann's dynamic programming), less those
// that a Lagrangian bound rules out. Conversions between layers that differ are part of the sums.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "lowbit/search/cost_table.h"

namespace lowbit {

/// What a choice may add up to at most.
struct ChoiceLimits {
  static constexpr double kFree = std::numeric_limits<double>::infinity();
  double ns = kFree, bytes = kFree, noise = kFree, joules = kFree, memory = kFree;
};

/// Weights of the sums that are minimized, from 0.
struct ChoiceGoal {
  double ns = 0, bytes = 0, noise = 0, joules = 0;
};

struct Choice {
  std::vector<int> candidates;  ///< one a layer
  CostSum sum;
  bool exact = true;  ///< false: there were more partial choices than were kept
};

/// The choice of least goal within the limits (of which it may pass by rounding, a part in 10^12); nothing
/// where there is none. Of more than `most_labels` partial choices at a layer those of the best bounds are
/// kept. Its goal may be larger than the least one by `gap`, as a part of it: of many layers the exact choice
/// takes minutes, one of 0.002 fractions of a second. Throws Error(invalid_argument) for a table that check()
/// refuses, or weights or a gap below 0.
std::optional<Choice> choose(const CostTable& table, const ChoiceLimits& limits, const ChoiceGoal& goal,
                             std::size_t most_labels = 500000, double gap = 0);

/// All choices that no other one beats in time, bytes and noise, by time. Where more than `most_labels` are
/// left at a layer, one of each cell of a grid of times and bytes is kept, and `exact` is false. Throws as
/// choose().
std::vector<Choice> pareto_front(const CostTable& table, std::size_t most_labels = 100000);

}  // namespace lowbit
