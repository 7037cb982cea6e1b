// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/attention.h"

#include <fmt/format.h>

#include <cmath>

#include "layers/attention_steps.h"

namespace lowbit::ops {

std::array<std::int64_t, 4> mask_strides(const Shape& mask) {
  std::array<std::int64_t, 4> strides{};
  std::int64_t stride = 1;
  for (int axis = 4; axis-- > 0; stride *= mask[axis])
    strides[static_cast<std::size_t>(axis)] = mask[axis] == 1 ? 0 : stride;
  return strides;
}

AttentionPlan::AttentionPlan(const AttentionOp& op, const StepSpec& spec, std::int64_t most_rows)
    : queries(*spec.inputs[0], op.queries_by_head),
      keys(*spec.inputs[1], op.keys_by_head),
      values(*spec.inputs[2], op.values_by_head),
      out(*spec.output, op.result_by_head),
      has_mask(spec.inputs.size() == 4) {
  if (has_mask) mask = mask_strides(spec.inputs[3]->shape);
  block = std::min(queries.rows, most_rows);
  blocks = ceil_div(queries.rows, block);
}

const float* AttentionPlan::mask_of(const StepArgs& args, const AttentionBlock& b) const {
  if (!has_mask) return nullptr;
  return args.inputs[3].sample<const float>(b.sample) + b.item * mask[0] + b.head * mask[1] +
         b.first * mask[2];
}

Shape infer_shape(const AttentionOp& op, std::span<const Shape> inputs) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::shape_mismatch, fmt::format("Attention: {}", what));
  };
  if (inputs.size() != 3 && inputs.size() != 4)
    refuse(fmt::format("takes 3 or 4 inputs, not {}", inputs.size()));
  for (const Shape& shape : inputs)
    if (shape.rank() != 4 || shape.elements() == 0)
      refuse(fmt::format("inputs have four dimensions and elements, not {}", shape.to_string()));
  if (!std::isfinite(op.scale))
    throw Error(ErrorCode::invalid_argument, fmt::format("Attention: the scale is {}", op.scale));
  const Heads q(inputs[0], op.queries_by_head, 0), k(inputs[1], op.keys_by_head, 0),
      v(inputs[2], op.values_by_head, 0);
  if (q.batch != k.batch || q.batch != v.batch || k.heads != v.heads || q.heads % k.heads != 0 ||
      q.size != k.size || k.rows != v.rows)
    refuse(fmt::format("queries {}, keys {} and values {} do not go together", inputs[0].to_string(),
                       inputs[1].to_string(), inputs[2].to_string()));
  const std::array<std::int64_t, 4> scores{q.batch, q.heads, q.rows, k.rows};
  for (int axis = 0; inputs.size() == 4 && axis < 4; ++axis)
    if (inputs[3][axis] != 1 && inputs[3][axis] != scores[static_cast<std::size_t>(axis)])
      refuse(fmt::format("a mask {} for scores {}", inputs[3].to_string(), Shape(scores).to_string()));
  return op.result_by_head ? Shape{q.batch, q.heads, q.rows, v.size}
                           : Shape{q.batch, q.rows, q.heads, v.size};
}

std::unique_ptr<Step> make_step(const AttentionOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  const DType type = spec.output->dtype;
  const bool on_rows = type == DType::f32 && spec.inputs[1]->dtype == DType::rows;
  bool fits = type == DType::f32 || type == DType::u8;
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    const DType want = i == 3 ? DType::f32 : on_rows && i > 0 ? DType::rows : type;
    fits = fits && spec.inputs[i]->dtype == want;
  }
  if (!fits)
    throw Error(
        ErrorCode::unsupported,
        "Attention computes on f32 values, or on codes with a mask of f32 values, or on queries of f32 "
        "values with keys and values that are rows in codes");
  if (on_rows) return make_attention_rows(op, spec);
  return type == DType::u8 ? make_attention_int8(op, spec) : make_attention_fp32(op, spec);
}

}  // namespace lowbit::ops
