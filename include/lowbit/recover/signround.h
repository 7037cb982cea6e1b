// SPDX-License-Identifier: Apache-2.0
// SignRound: rounding offsets and clip factors by the sign of their gradients. Cheng et al., "Optimize Weight
// Rounding via Signed Gradient Descent for the Quantization of LLMs", 2023 (AutoRound).
//
// Each weight w has an offset v in [-0.5, 0.5], in units of the distance between values around it, and each
// scale a factor a: the code is the nearest one to w + v * distance on the grid of scale a s. All of them go
// against the sign of their gradient, taken straight through the rounding, by a rate that falls linearly from
// 1 / steps to 0; the best codes on the way are the result. The paper has factors for both ends of a range;
// here zero points stay, so that there is one. Scales kept in few bits, and those of tables that the
// quantizer found, have none.
#pragma once

#include <span>

#include "lowbit/recover/output_error.h"
#include "lowbit/recover/rounding_result.h"
#include "lowbit/recover/weight_grid.h"

namespace lowbit {

struct SignRoundOptions {
  int steps = 200;
  double rate = 0;            ///< the first one; 0: 1 / steps
  double least_factor = 0.3;  ///< of scales; the largest is 1
  bool clip = true;           ///< whether scales have factors; never for a scale of the whole tensor
  int threads = 1;
};

/// Rows never become worse: they begin at the grid's start(). Throws as gptq().
RoundingResult signround(const MatrixView& weights, const WeightGrid& grid,
                         std::span<const OutputError> errors, const SignRoundOptions& options = {});
RoundingResult signround(const MatrixView& weights, const AnyQuantizer& quantizer,
                         const LayerMoments& moments, const SignRoundOptions& options = {});

}  // namespace lowbit
