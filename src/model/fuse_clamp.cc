// SPDX-License-Identifier: Apache-2.0
#include "layers/activation_of.h"
#include "model/fuse_passes.h"

namespace lowbit::detail {

namespace {

/// `second` after `first`, also where the two ranges do not meet.
ops::Activation compose(const ops::Activation& first, const ops::Activation& second) {
  const auto limit = [&](float x) { return x < second.lo ? second.lo : x > second.hi ? second.hi : x; };
  return {limit(first.lo), limit(first.hi)};
}

/// Clamping commutes with operators that move elements or choose the largest.
bool commutes_with_clamp(const ops::Op& op) {
  return std::holds_alternative<ops::MaxPoolOp>(op) || std::holds_alternative<ops::FlattenOp>(op) ||
         std::holds_alternative<ops::ReshapeOp>(op) || std::holds_alternative<ops::SliceOp>(op);
}

bool fuse_one_clamp(Graph& graph, int clamp) {
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(clamp)];
  const int source = graph.producer(node.inputs[0]);
  int reader = clamp, target = source;
  ValueId between = node.inputs[0];
  while (true) {
    if (target < 0 || !is_read_only_by(graph, between, reader)) return false;
    Graph::Node& candidate = graph.nodes[static_cast<std::size_t>(target)];
    if (ops::Activation* activation = ops::activation_of(candidate.op)) {
      *activation = compose(*activation, std::get<ops::ClampOp>(node.op).activation);
      break;
    }
    if (!commutes_with_clamp(candidate.op)) return false;
    reader = target;
    between = candidate.inputs[0];
    target = graph.producer(between);
  }
  graph.nodes[static_cast<std::size_t>(source)].output = node.output;
  erase_node(graph, clamp);
  return true;
}

}  // namespace

bool fuse_clamp(Graph& graph) {
  return fuse_nodes(graph, [](Graph& g, int i) {
    return std::holds_alternative<ops::ClampOp>(g.nodes[static_cast<std::size_t>(i)].op) &&
           fuse_one_clamp(g, i);
  });
}

}  // namespace lowbit::detail
