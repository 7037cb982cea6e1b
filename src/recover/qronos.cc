// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/qronos.h"

#include "recover/round_by_sweep.h"

namespace lowbit {

RoundingResult qronos(const MatrixView& weights, const WeightGrid& grid, std::span<const OutputError> errors,
                      const QronosOptions& options) {
  return detail::round_by_sweep(weights, grid, errors,
                                {.algorithm = "qronos",
                                 .damping = detail::qronos_damping,
                                 .share = options.damping,
                                 .raises = options.raises,
                                 .act_order = options.act_order,
                                 .use_slope = true,
                                 .descent_passes = options.descent_passes,
                                 .threads = options.threads});
}

RoundingResult qronos(const MatrixView& weights, const AnyQuantizer& quantizer, const LayerMoments& moments,
                      const QronosOptions& options) {
  const std::vector<OutputError> errors = output_errors(moments);
  return qronos(weights, detail::grid_for(weights, quantizer, errors), errors, options);
}

}  // namespace lowbit
