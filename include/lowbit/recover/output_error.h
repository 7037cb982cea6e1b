// SPDX-License-Identifier: Apache-2.0
// OutputError: what second-order rounding minimizes, the mean squared error of a layer's outputs, which the
// second moments of its inputs say exactly. With weights w of one output channel (a row), codes that stand
// for q, inputs x of the layer in the original network and y in the quantized one,
//
//   E (w x - q y)^2  =  q H q^T - 2 w G q^T + w F w^T      H = E[y y^T], G = E[x y^T], F = E[x x^T]
//
// and (w - q) H (w - q)^T where the inputs are the same. Rows do not depend on each other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/view.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/recover/layer_stats.h"

namespace lowbit {

/// Of one group of a layer, whose rows have `columns` weights. An aggregate; matrices are columns x columns,
/// row-major.
struct OutputError {
  std::int64_t columns = 0;
  std::vector<double> second_moment{};  ///< H
  std::vector<double> cross_moment{};   ///< G, rows are columns of x; empty: x is y
  /// F, which no choice of q depends on. Empty while there is a G: G H^-1 G^T takes its place, the least that
  /// F can be. The loss is then counted from that of the best real weights.
  std::vector<double> original_moment{};
};

/// One for each group of the layer; a Linear has one group. `moments` are of the quantized inputs; where
/// they were captured with another model, that is the original one (CaptureOptions::other). `original`: the
/// moments of that model's own capture, for F. Throws as reading them, and Error(shape_mismatch) where the
/// two are not of one layer.
std::vector<OutputError> output_errors(const LayerMoments& moments, const LayerMoments* original = nullptr);

/// The loss of each row of `quantized`, reals that stand in for `weights`. Rows [g * rows / groups, ...)
/// belong to group g. Throws Error(shape_mismatch) for shapes that do not fit, Error(invalid_argument) for
/// weights or moments that are not finite.
std::vector<double> output_losses(const MatrixView& weights, const MatrixView& quantized,
                                  std::span<const OutputError> errors, int threads = 1);
/// The same of a quantized matrix, summed.
double output_loss(const MatrixView& weights, const QuantizedMatrix& quantized,
                   std::span<const OutputError> errors, int threads = 1);

/// The diagonals of H as an importance of each weight, [rows][columns], for what a quantizer fits by errors:
/// quantize(weights, KMeans<3>{}, {v.data(), rows, columns}) is the exact k-means that minimizes the output
/// error of inputs that are not correlated.
std::vector<float> input_importance(std::span<const OutputError> errors, std::int64_t rows);

}  // namespace lowbit
