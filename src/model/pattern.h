// SPDX-License-Identifier: Apache-2.0
// What the passes that look for operators written out ask of a graph.
#pragma once

#include <optional>
#include <vector>

#include "lowbit/model/graph.h"

namespace lowbit::detail {

/// The node that computes a value; null for an input of the graph.
inline const Graph::Node* producer_node(const Graph& graph, ValueId value) {
  const int p = graph.producer(value);
  return p < 0 ? nullptr : &graph.nodes[static_cast<std::size_t>(p)];
}

inline const Shape& shape_of(const Graph& graph, ValueId value) {
  return graph.values[static_cast<std::size_t>(value)].shape;
}

/// A Binary of two values with this function. An Add of two values counts as one that adds.
inline bool is_binary(const Graph::Node& node, ops::BinaryFunction function) {
  if (node.inputs.size() != 2) return false;
  if (const auto* add = std::get_if<ops::AddOp>(&node.op))
    return function == ops::BinaryFunction::add && add->activation.is_identity();
  const auto* binary = std::get_if<ops::BinaryOp>(&node.op);
  return binary && binary->function == function;
}

/// A value that is another one times a number.
struct Scaled {
  ValueId value;
  float factor = 1.0f;
};
/// Through ScaleShifts by one factor without a shift, as many as there are.
Scaled scaled(const Graph& graph, ValueId value);

/// A line of constants along the last axis that a node multiplies by or adds.
struct Line {
  bool multiplies;
  std::vector<float> elements;  ///< [last axis]
};
std::optional<Line> line_of(const Graph& graph, const Graph::Node& node);

}  // namespace lowbit::detail
