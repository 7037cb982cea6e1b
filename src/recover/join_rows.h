// SPDX-License-Identifier: Apache-2.0
// Rows that can be rounded alone, and a matrix of them.
#pragma once

#include <span>
#include <vector>

#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/recover/weight_grid.h"

namespace lowbit::detail {

/// Whether rows share a scale or a table that may be fitted again.
inline bool rows_share_parameters(const WeightGrid& grid) {
  const Granularity::Kind kind = grid.fitted().granularity.kind;
  return kind == Granularity::Kind::tensor || (grid.free_levels() && kind == Granularity::Kind::group);
}

/// `rows`: all rows of `whole`, of one row each, in order; codes and parameters are theirs, the rest is that
/// of `whole`.
inline QuantizedMatrix joined_rows(const QuantizedMatrix& whole, std::span<const QuantizedMatrix> rows) {
  QuantizedMatrix q = whole;
  q.codes.clear(), q.scales.clear(), q.zero_points.clear(), q.offsets.clear();
  std::vector<float> levels;
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (const QuantizedMatrix& row : rows) {
    append(q.codes, row.codes);
    append(q.scales, row.scales);
    append(q.zero_points, row.zero_points);
    append(q.offsets, row.offsets);
    append(levels, row.levels);
  }
  // One table where all rows have the same.
  const std::size_t table = q.table_size();
  bool alike = true;
  for (std::size_t i = table; i < levels.size(); ++i) alike &= levels[i] == levels[i - table];
  if (alike && !levels.empty()) levels.resize(table);
  q.levels = std::move(levels);
  return q;
}

}  // namespace lowbit::detail
