// SPDX-License-Identifier: Apache-2.0
// Scales, offsets, tables and planes with codes fixed: values are linear in them, so that those of least
// output error solve a small linear system.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lowbit/recover/weight_grid.h"
#include "recover/descent.h"
#include "recover/objective.h"

namespace lowbit::detail {

/// Consecutive rows with a grid of their own and codes on it.
struct RowsOnGrid {
  std::int64_t first = 0;  ///< of the matrix
  WeightGrid grid;
  std::vector<RowCodes> rows;
  double loss = 0;

  RowPlace place(std::size_t i) const {
    return {first + static_cast<std::int64_t>(i), &grid, static_cast<std::int64_t>(i)};
  }
};

/// On that grid, by the codes of its start().
RowsOnGrid rows_on_grid(const Objective& objective, std::int64_t first, WeightGrid grid, int threads);

enum class Refit : std::uint8_t {
  scales,  ///< and real offsets: of the groups of the one row, or of the tensor
  levels,  ///< of the one table
  planes,  ///< of the one row or tensor
};
/// What may be fitted again of this grid, if it has one row, or rows that share a scale or a table.
std::vector<Refit> refits_of(const WeightGrid& grid);

/// Replaces `rows` where that lowers the loss, and says whether it did.
bool refit(const Objective& objective, RowsOnGrid& rows, Refit what, int threads);

}  // namespace lowbit::detail
