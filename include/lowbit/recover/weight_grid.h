// SPDX-License-Identifier: Apache-2.0
// WeightGrid: the values that each weight of a matrix may take once scales and tables are chosen. Algorithms
// that choose codes by more than the distance to the weight (gptq.h, qronos.h, coordinate_descent.h,
// adaround.h ...) ask it for values and hand back indices, so that none of them knows a format: uniform,
// ternary, binary and table grids with any granularity are lists of numbers in ascending order.
//
//   WeightGrid grid(weights, make_quantizer("int4-g32"));
//   std::vector<int> choice(grid.start().begin(), grid.start().end());   // what quantize() does
//   choice[...] = grid.nearest(r, c, w - 0.1);
//   QuantizedMatrix q = grid.matrix(choice);
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lowbit/core/view.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {

/// A value: cheap to copy, never changed.
class WeightGrid {
 public:
  /// Scales, zero points and tables as quantize(weights, quantizer, importance) chooses them, which throws
  /// what it throws.
  WeightGrid(const MatrixView& weights, const AnyQuantizer& quantizer, const MatrixView& importance = {});
  /// Those of `fitted`. The quantizer says which codes may be used (a narrow range, ternary codes) and
  /// whether the table is its own; codes that `fitted` has may be used in any case. Throws
  /// Error(corrupt_file) as QuantizedMatrix::validate(), Error(invalid_argument) for a quantizer of another
  /// format.
  WeightGrid(QuantizedMatrix fitted, const AnyQuantizer& quantizer);

  std::int64_t rows() const;
  std::int64_t cols() const;
  /// What weight (r, c) may be, ascending, each value once, in dequantize()'s floats; the same span for all
  /// weights that share a scale. Valid as long as this grid or a copy of it lives.
  std::span<const float> values(std::int64_t r, std::int64_t c) const;
  /// Index of the value nearest to x, with quantize()'s ties; NaN counts as 0. Ternary codes are chosen by
  /// distance here, not by the quantizer's threshold.
  int nearest(std::int64_t r, std::int64_t c, double x) const;
  float value(std::int64_t r, std::int64_t c, int index) const {
    return values(r, c)[static_cast<std::size_t>(index)];
  }
  /// The stored code of a value, and the value of a stored code.
  std::int32_t code(std::int64_t r, std::int64_t c, int index) const;
  int index(std::int64_t r, std::int64_t c, std::int32_t code) const;
  /// Row-major: the indices of quantize()'s codes, or of those of `fitted`.
  std::span<const int> start() const;
  /// With the codes of chosen indices, row-major; matrix(start()) is what the grid was made from. Throws
  /// Error(shape_mismatch) for another number of them, Error(invalid_argument) for one out of its range.
  QuantizedMatrix matrix(std::span<const int> choice) const;
  /// The matrix that it was made from: scales, zero points, tables, and the codes of start().
  const QuantizedMatrix& fitted() const;

  /// Rows [first, first + count) alone.
  WeightGrid part(std::int64_t first, std::int64_t count) const;
  /// The same codes of the same format with the scales, zero points, offsets and levels of `parameters`,
  /// whose codes are the start of the new grid. Throws Error(invalid_argument) where shape or format differ.
  WeightGrid refitted(QuantizedMatrix parameters) const;
  /// Columns that share a scale: the group size, or cols().
  std::int64_t group_size() const;
  /// Whether scales may be others: not where they are kept in a format of few bits (scale_bits).
  bool free_scales() const;
  /// Whether levels may be others: tables that the quantizer found in the weights.
  bool free_levels() const;
  /// `scale` as quantize() would keep it: an fp16 value where it is one of a group.
  float stored_scale(float scale) const;

 private:
  struct State;
  explicit WeightGrid(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace lowbit
