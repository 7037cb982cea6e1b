// SPDX-License-Identifier: Apache-2.0
#include "model/pattern.h"

namespace lowbit::detail {

Scaled scaled(const Graph& graph, ValueId value) {
  Scaled result{value};
  while (const Graph::Node* node = producer_node(graph, result.value)) {
    const auto* s = std::get_if<ops::ScaleShiftOp>(&node->op);
    if (!s || s->scale.size() != 1 || s->shift != std::vector<float>{0.0f} || !s->activation.is_identity())
      break;
    result = {node->inputs[0], result.factor * s->scale[0]};
  }
  return result;
}

std::optional<Line> line_of(const Graph& graph, const Graph::Node& node) {
  const Shape& shape = shape_of(graph, node.output);
  if (shape.rank() == 0) return std::nullopt;
  const auto size = static_cast<std::size_t>(shape[shape.rank() - 1]);
  const auto is = [](const std::vector<float>& v, float x) { return v == std::vector<float>{x}; };
  if (const auto* s = std::get_if<ops::ScaleShiftOp>(&node.op)) {
    // Of C x H x W they are one a channel.
    if (shape.rank() == 3 || !s->activation.is_identity()) return std::nullopt;
    if (is(s->shift, 0.0f) && s->scale.size() == size) return Line{true, s->scale};
    if (is(s->scale, 1.0f) && s->shift.size() == size) return Line{false, s->shift};
    return std::nullopt;
  }
  const auto* b = std::get_if<ops::BinaryOp>(&node.op);
  if (!b || b->constant.data.size() != size || b->constant.shape.rank() != shape.rank() ||
      b->constant.shape[shape.rank() - 1] != shape[shape.rank() - 1])
    return std::nullopt;
  if (b->function == ops::BinaryFunction::mul) return Line{true, b->constant.data};
  if (b->function == ops::BinaryFunction::add) return Line{false, b->constant.data};
  return std::nullopt;
}

}  // namespace lowbit::detail
