// SPDX-License-Identifier: Apache-2.0
#include "layers/count_products.h"

#include "layers/weight_of.h"

namespace lowbit::ops {
namespace {

/// Queries with keys, and what comes of it with values.
std::int64_t attention_products(const AttentionOp& op, std::span<const Shape> inputs, const Shape& output) {
  const Shape& keys = inputs[1];
  const std::int64_t rows = op.keys_by_head ? keys[2] : keys[1];
  return (inputs[0].elements() + output.elements()) * rows;
}

}  // namespace

std::int64_t count_products(const Op& op, std::span<const Shape> inputs, const Shape& output) {
  if (const Tensor* weight = weight_of(op); weight && has_weights(op))
    return weight->shape[0] == 0 ? 0 : output.elements() * (weight->shape.elements() / weight->shape[0]);
  if (const auto* recurrent = std::get_if<RecurrentOp>(&op))
    return recurrent->weight.shape.elements() * inputs[0][0];
  if (const auto* attention = std::get_if<AttentionOp>(&op))
    return attention_products(*attention, inputs, output);
  if (std::holds_alternative<MatMulOp>(op)) return output.elements() * inputs[0][inputs[0].rank() - 1];
  return 0;
}

}  // namespace lowbit::ops
