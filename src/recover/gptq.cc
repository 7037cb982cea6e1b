// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/gptq.h"

#include "recover/round_by_sweep.h"

namespace lowbit {

RoundingResult gptq(const MatrixView& weights, const WeightGrid& grid, std::span<const OutputError> errors,
                    const GptqOptions& options) {
  return detail::round_by_sweep(weights, grid, errors,
                                {.algorithm = "gptq",
                                 .damping = detail::gptq_damping,
                                 .share = options.damping,
                                 .raises = options.raises,
                                 .act_order = options.act_order,
                                 .threads = options.threads});
}

RoundingResult gptq(const MatrixView& weights, const AnyQuantizer& quantizer, const LayerMoments& moments,
                    const GptqOptions& options) {
  const std::vector<OutputError> errors = output_errors(moments);
  return gptq(weights, detail::grid_for(weights, quantizer, errors), errors, options);
}

}  // namespace lowbit
