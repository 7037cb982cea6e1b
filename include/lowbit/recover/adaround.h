// SPDX-License-Identifier: Apache-2.0
// AdaRound: whether each weight goes up or down is learned. Nagel, Amjad, van Baalen, Louizos, Blankevoort,
// "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020.
//
// A weight between two neighbouring values of its grid becomes low + h(v) (high - low), where h is a sigmoid
// that is stretched to [-0.1, 1.1] and cut to [0, 1]. Adam moves all v of a row down the output error, whose
// gradient the second moments give exactly: there is no data and no backpropagation. A regularizer
// 1 - |2 h - 1|^beta draws h to 0 or 1, first hardly, then (as beta falls) firmly; its share of the gradient
// counts in units of what rounding one weight the wrong way costs. With a cross moment the target is that of
// output_error.h.
//
// Slower than GPTQ by orders of magnitude, iterations * n^2 for each row, and not better than coordinate
// descent from several starts; it is here because it searches in another way.
#pragma once

#include <span>

#include "lowbit/recover/output_error.h"
#include "lowbit/recover/rounding_result.h"
#include "lowbit/recover/weight_grid.h"

namespace lowbit {

struct AdaRoundOptions {
  int iterations = 1000;
  double rate = 0.03;       ///< of Adam
  double regularizer = 10;  ///< the weight of 1 - |2 h - 1|^beta
  double warm_up = 0.2;     ///< the share of iterations without it
  double first_beta = 20, last_beta = 2;
  /// Passes of coordinate descent (coordinate_descent.h) over the result: no part of the paper. 0: AdaRound
  /// as published, which chooses between two values for each weight.
  int descent_passes = 3;
  int threads = 1;
};

/// Rows in which the nearest codes are better keep them, and the report says how many. Throws as gptq().
/// Codes follow from std::exp and std::pow, which differ between C libraries in the last place.
RoundingResult adaround(const MatrixView& weights, const WeightGrid& grid,
                        std::span<const OutputError> errors, const AdaRoundOptions& options = {});
RoundingResult adaround(const MatrixView& weights, const AnyQuantizer& quantizer, const LayerMoments& moments,
                        const AdaRoundOptions& options = {});

}  // namespace lowbit
