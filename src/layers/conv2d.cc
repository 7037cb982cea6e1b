// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/conv2d.h"

#include <fmt/format.h>

#include "layers/conv2d_steps.h"
#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

void require_weight(const Conv2dOp& op, const Shape& in) {
  const Shape& w = op.weight.shape;
  if (w.rank() != 4 || w[2] != op.window.kernel[0] || w[3] != op.window.kernel[1] || w[0] < 1)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Conv2d: the weight has shape {}; expected out x in x {} x {}", w.to_string(),
                            op.window.kernel[0], op.window.kernel[1]));
  require_weight_data(op.weight, Conv2dOp::kName);
  if (op.groups < 1 || w[0] % op.groups != 0 || w[1] < 1 || in[0] % op.groups != 0 ||
      in[0] / op.groups != w[1])
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Conv2d: an input of {} channels and a weight of shape {} do not fit {} groups",
                            in[0], w.to_string(), op.groups));
  if (!op.bias.empty() && op.bias.size() != static_cast<std::size_t>(w[0]))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Conv2d: {} biases for {} output channels", op.bias.size(), w[0]));
}

}  // namespace

Shape infer_shape(const Conv2dOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, inputs.size() == 2 ? 2 : 1, Conv2dOp::kName);
  const Shape& in = inputs[0];
  if (in.rank() != 3)
    throw Error(ErrorCode::shape_mismatch, fmt::format("Conv2d takes C x H x W, not {}", in.to_string()));
  require_weight(op, in);
  const auto size = op.window.output_size(in[1], in[2], false, Conv2dOp::kName);
  const Shape out{op.out_channels(), size[0], size[1]};
  if (inputs.size() == 2 && !(inputs[1] == out))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Conv2d: a residual of shape {} is added to an output of {}",
                            inputs[1].to_string(), out.to_string()));
  return out;
}

std::unique_ptr<Step> make_step(const Conv2dOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (spec.weights) return make_conv2d_quantized_weights(op, spec);
  require_f32_weights(op.weight, Conv2dOp::kName);
  return make_conv2d_fp32(op, spec);
}

}  // namespace lowbit::ops
