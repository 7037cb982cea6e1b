// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/linear_op.h"

#include <fmt/format.h>

#include "layers/linear_steps.h"
#include "layers/step_common.h"

namespace lowbit::ops {

Shape infer_shape(const LinearOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, LinearOp::kName);
  const Shape &in = inputs[0], &w = op.weight.shape;
  if (w.rank() != 2 || w[0] < 1 || w[1] < 1)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Linear: the weight has shape {}; expected out x in", w.to_string()));
  require_weight_data(op.weight, LinearOp::kName);
  if (!op.bias.empty() && op.bias.size() != static_cast<std::size_t>(w[0]))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Linear: {} biases for {} output features", op.bias.size(), w[0]));
  const bool fits = op.flattens_input ? in.rank() == 3 && in.elements() == w[1]
                                      : (in.rank() == 1 || in.rank() == 2) && in[in.rank() - 1] == w[1];
  if (!fits)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Linear: an input of shape {} does not fit a weight of {}{}", in.to_string(),
                            w.to_string(), op.flattens_input ? " that flattens C x H x W" : ""));
  if (in.rank() == 2) return {in[0], w[0]};
  return {w[0]};
}

std::unique_ptr<Step> make_step(const LinearOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (spec.weights) return make_linear_quantized_weights(op, spec);
  require_f32_weights(op.weight, LinearOp::kName);
  return make_linear_fp32(op, spec);
}

}  // namespace lowbit::ops
