// SPDX-License-Identifier: Apache-2.0
// Which weights of several layers go first, where they compete with each other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit::detail {

/// Scores of the weights of one layer that can be compared with those of other layers: w^2 / (the sum of the
/// squares of all that are no smaller), which are 1 for the largest. Lee and others, "Layer-adaptive Sparsity
/// for the Magnitude-based Pruning" (LAMP), ICLR 2021.
std::vector<double> lamp_scores(std::span<const float> weights);

/// For each list, which of its scores are among the least `share` of all lists together; of equal ones those
/// of the first list and place. Infinite scores never are.
std::vector<std::vector<bool>> least_scores(std::span<const std::vector<double>> scores, double share);

}  // namespace lowbit::detail
