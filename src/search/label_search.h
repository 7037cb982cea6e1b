// SPDX-License-Identifier: Apache-2.0
// Partial choices (labels), layer by layer, as far as they can still become the best.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

#include "search/choice_problem.h"

namespace lowbit::detail {

/// Weights and limits of the four sums.
struct LabelGoal {
  Criteria weights{};
  Criteria limits{};
};

struct LabelResult {
  std::vector<std::vector<int>> choices;  ///< table's candidates, one a layer
  bool exact = true;
};

/// The choice of the least weighted sum within the limits, or one that is larger by `gap` as a part of it; or
/// none.
LabelResult best_choice(const ChoiceProblem& problem, const LabelGoal& goal, std::size_t most_labels,
                        double gap = 0);

/// All that no other one beats in time, bytes and noise.
LabelResult front_of_choices(const ChoiceProblem& problem, std::size_t most_labels);

}  // namespace lowbit::detail
