// SPDX-License-Identifier: Apache-2.0
// Where the channels of values lie in their elements and in weights.
#pragma once

#include <cstdint>
#include <variant>

#include "lowbit/model/graph.h"

namespace lowbit::detail {

/// Of a sample that a layer reads: C of C x H x W, F of T x F and of F.
inline std::int64_t channels_of(const Shape& shape) {
  if (shape.rank() == 0) return 1;
  return shape[shape.rank() == 3 ? 0 : shape.rank() - 1];
}

/// The weight of an operator as [rows][columns][taps].
struct WeightLayout {
  std::int64_t rows, columns, taps;
  std::int64_t rows_of_group, input_channels;

  /// That the column of a row multiplies. A Linear that flattens reads pixel after pixel.
  std::int64_t channel(std::int64_t row, std::int64_t column) const {
    return (row / rows_of_group * columns + column) % input_channels;
  }
  std::size_t at(std::int64_t row, std::int64_t column) const {
    return static_cast<std::size_t>((row * columns + column) * taps);
  }
};

inline WeightLayout layout_of(const ops::Conv2dOp& op, const Shape& input) {
  const Shape& w = op.weight.shape;
  return {w[0], w[1], w[2] * w[3], w[0] / op.groups, channels_of(input)};
}

/// Of a Linear, and what multiplies as it does.
template <class Op>
WeightLayout layout_of(const Op& op, const Shape& input) {
  return {op.weight.shape[0], op.weight.shape[1], 1, op.weight.shape[0], channels_of(input)};
}

/// f(op, layout) for a node with a weight matrix that it multiplies by (ops::has_weights); else nothing.
template <class Node, class F>
void with_weights(const Graph& graph, Node& node, F f) {
  if (!ops::has_weights(node.op)) return;
  std::visit(
      [&](auto& op) {
        if constexpr (requires { op.weight, op.bias; })
          f(op, layout_of(op, graph.values[static_cast<std::size_t>(node.inputs[0])].shape));
      },
      node.op);
}

}  // namespace lowbit::detail
