// SPDX-License-Identifier: Apache-2.0
// GPTQ: weights are rounded one column after the other, and what rounding a column did to the layer's outputs
// is made good by the columns that are still real. Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate
// Post-Training Quantization for Generative Pre-trained Transformers", ICLR 2023.
//
// With the second moments H of the inputs, damped so that they can be inverted, and H^-1 = U^T U for an upper
// triangle U, column c of a row w becomes the nearest value q, and the columns j behind it change by
// (q - w_c) U_cj / U_cc: the w_j that minimize the output error once w_c is fixed. Columns are taken in
// descending order of H_cc (the paper's act-order). Scales and tables are those of the grid, fitted before
// (static groups), so that the order costs nothing when the layer runs. Columns whose inputs are always 0
// keep the nearest codes. The cross moment of an OutputError is not used; qronos.h does that.
#pragma once

#include <span>

#include "lowbit/recover/output_error.h"
#include "lowbit/recover/rounding_result.h"
#include "lowbit/recover/weight_grid.h"

namespace lowbit {

struct GptqOptions {
  double damping = 0.01;  ///< of the mean of the diagonal, added to it
  /// Where H cannot be factorized, the damping is raised tenfold (from 1e-10, if it is 0), at most so often;
  /// the report says so.
  int raises = 8;
  bool act_order = true;  ///< else columns are taken as they come
  int threads = 1;        ///< for rows; the result does not depend on it
};

/// `errors`: one for each group of the layer. Throws as output_losses(); Error(invalid_argument) for
/// impossible options, and where H cannot be factorized with any damping. Error(shape_mismatch) for a grid of
/// another shape.
RoundingResult gptq(const MatrixView& weights, const WeightGrid& grid, std::span<const OutputError> errors,
                    const GptqOptions& options = {});
/// With the grid and the errors made as they are for it: importance is the diagonal of H.
RoundingResult gptq(const MatrixView& weights, const AnyQuantizer& quantizer, const LayerMoments& moments,
                    const GptqOptions& options = {});

}  // namespace lowbit
