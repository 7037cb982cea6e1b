// SPDX-License-Identifier: Apache-2.0
// PruningSchedule: weights that become zero while the others learn to do without them. The part that is zero
// grows as 1 - (1 - t)^3 (Zhu, Gupta, "To prune, or not to prune", 2017), so that most go early, while much
// is left to make good for them; the smallest go, by the magnitude relative to what is larger in their layer
// (LAMP, as PruneScope::network). Codes of zero are zero, and cost next to nothing in a compressed file:
// prune.h.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lowbit {

/// Weights are those of products: Conv2d, Linear. Once zero they stay zero.
struct PruningSchedule {
  double sparsity = 0;  ///< the part that is zero in the end, of all layers together; 0: no weight goes
  /// {pattern of names, part}: layers with a part of their own, which take part in no ranking with other
  /// layers; the last match wins.
  std::vector<std::pair<std::string, double>> overrides{};
  double until = 0.5;       ///< part of all steps at whose end that much is zero
  bool keep_zeros = false;  ///< weights that are zero before the first step stay zero, if no others go

  bool is_on() const { return sparsity > 0 || keep_zeros || !overrides.empty(); }
};

}  // namespace lowbit
