// SPDX-License-Identifier: Apache-2.0
// Coordinate descent on the output error, codes and scales in turn: each code takes the best value with all
// others fixed, over and over; then, with the codes fixed, scales, offsets, tables and planes of signs take
// their least-squares values, which is closed form since values are linear in them. The error never rises.
// Nair, Suggala, "CDQuant: Greedy Coordinate Descent for Accurate LLM Quantization", 2024; Behdin et al.,
// "QuantEase: Optimization-based Quantization for Language Models", 2023.
//
// It ends in a local minimum, so that it starts from several places: the nearest codes, GPTQ's and, where
// there is a cross moment, Qronos's, each for several scales around the fitted ones. At 2 and 3 bits and for
// ternary weights that is most of the gain: a scale that holds the largest weight is far too large there.
//
// What is fitted again: scales of uniform, ternary and table grids (one for each group or row, or that of the
// tensor; groups keep fp16 values), real offsets, levels of tables that the quantizer found itself (k-means),
// scales of binary planes. Not: integer zero points, tables that are the quantizer's, scales kept in few bits
// (MX, NVFP4, double quantization).
#pragma once

#include <span>
#include <vector>

#include "lowbit/recover/output_error.h"
#include "lowbit/recover/rounding_result.h"
#include "lowbit/recover/weight_grid.h"

namespace lowbit {

struct CoordinateDescentOptions {
  int passes = 8;  ///< over the columns, at most, before scales are fitted again
  int turns = 8;   ///< of passes and fits, at most; they end where a turn gains less than 0.01 %
  bool refit = true;
  bool from_nearest = true, from_gptq = true, from_qronos = true;
  /// Indices of the grid, row-major, to start from as well; may be empty.
  std::span<const int> from{};
  /// Factors of the fitted scales that the starts are tried with; 1 is always among them. Not for tables that
  /// the quantizer found, and not without `refit`.
  std::vector<float> scale_factors{1.4f, 1.25f, 1.12f, 1.05f, 0.95f, 0.9f,  0.85f, 0.8f,  0.75f,
                                   0.7f, 0.65f, 0.6f,  0.55f, 0.5f,  0.45f, 0.4f,  0.36f, 0.32f};
  int kept = 3;     ///< starts of a row that descent goes on with, those of least error
  int threads = 1;  ///< for rows; the result does not depend on it
};

/// Throws as gptq(). The loss is at most that of grid.start() in every row (in total, where rows share a
/// scale or a table that is fitted again).
RoundingResult coordinate_descent(const MatrixView& weights, const WeightGrid& grid,
                                  std::span<const OutputError> errors,
                                  const CoordinateDescentOptions& options = {});
RoundingResult coordinate_descent(const MatrixView& weights, const AnyQuantizer& quantizer,
                                  const LayerMoments& moments, const CoordinateDescentOptions& options = {});

}  // namespace lowbit
