// SPDX-License-Identifier: Apache-2.0
// Coordinate descent on the codes of one row, and what it carries along.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/recover/weight_grid.h"
#include "recover/objective.h"

namespace lowbit::detail {

/// A row of a matrix and its row of a grid: not the same number where a grid has been cut to one row.
struct RowPlace {
  std::int64_t row = 0;
  const WeightGrid* grid = nullptr;
  std::int64_t grid_row = 0;
};

/// Codes of a row, the values that they stand for, and half of the loss's derivative there.
struct RowCodes {
  std::vector<int> choice;
  std::vector<double> values, gradient;
  double loss = 0;
};

/// `choice`: [places.size()][columns].
std::vector<RowCodes> row_codes(const Objective& objective, std::span<const RowPlace> places,
                                std::span<const int> choice);
RowCodes row_codes(const Objective& objective, const RowPlace& place, std::span<const int> choice);

/// Passes over the columns, each of which takes the best value with all others fixed, until a pass changes
/// nothing. The loss never rises. Whether anything changed.
bool descend(const Objective& objective, const RowPlace& place, RowCodes& codes, int passes);

}  // namespace lowbit::detail
