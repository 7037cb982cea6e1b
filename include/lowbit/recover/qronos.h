// SPDX-License-Identifier: Apache-2.0
// Qronos: as GPTQ, and repairs besides what quantizing earlier layers did to this layer's inputs. Zhang,
// Zhang, Colbert, Saab, "Qronos: Correcting the Past by Shaping the Future... in Post-Training Quantization",
// 2025.
//
// Where H = E[y y^T] is of the inputs y in the quantized network and G = E[x y^T] ties them to the original
// ones, the first column of a row takes the value nearest to the w_c that minimizes E (w x - q y)^2 with the
// other weights as they are, and the other columns become the real weights that minimize it with that
// value; from then on columns are rounded and made good as in gptq.h. Without a cross moment this is GPTQ
// with another damping.
//
// Damping adds as much to the diagonals of H and G, so that it holds weights where they are instead of
// drawing them to 0; with the paper's 1e-6 of the largest eigenvalue the two hardly differ.
#pragma once

#include <span>

#include "lowbit/recover/output_error.h"
#include "lowbit/recover/rounding_result.h"
#include "lowbit/recover/weight_grid.h"

namespace lowbit {

struct QronosOptions {
  double damping = 1e-6;  ///< of the largest eigenvalue of H
  int raises = 8;         ///< as GptqOptions
  bool act_order = true;
  /// Passes of coordinate descent (coordinate_descent.h) over the result, on the same objective: no part of
  /// the paper. 0: Qronos as published.
  int descent_passes = 3;
  int threads = 1;
};

/// Throws as gptq().
RoundingResult qronos(const MatrixView& weights, const WeightGrid& grid, std::span<const OutputError> errors,
                      const QronosOptions& options = {});
RoundingResult qronos(const MatrixView& weights, const AnyQuantizer& quantizer, const LayerMoments& moments,
                      const QronosOptions& options = {});

}  // namespace lowbit
