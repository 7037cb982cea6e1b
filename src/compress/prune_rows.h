// SPDX-License-Identifier: Apache-2.0
// Pruning of rows by the error that it makes, with a number of weights for each row.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/view.h"
#include "lowbit/recover/output_error.h"

namespace lowbit::detail {

/// Throws Error(invalid_argument) unless it is from 0 to 1.
void check_share(double share);

/// As prune_by_error(), counts[r] weights of row r.
std::vector<float> prune_counts_by_error(const MatrixView& weights, std::span<const OutputError> errors,
                                         std::span<const std::int64_t> counts, int threads);

}  // namespace lowbit::detail
