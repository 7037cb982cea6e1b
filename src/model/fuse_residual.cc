// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "model/fuse_passes.h"

namespace lowbit::detail {

namespace {

/// The Conv2d that computes `operand` and could add a residual, or -1.
int convolution_for(const Graph& graph, ValueId operand, int add) {
  const int p = graph.producer(operand);
  if (p < 0 || !is_read_only_by(graph, operand, add)) return -1;
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(p)];
  const auto* conv = std::get_if<ops::Conv2dOp>(&node.op);
  return conv && conv->activation.is_identity() && node.inputs.size() == 1 ? p : -1;
}

bool fuse_one_residual(Graph& graph, int add) {
  const Graph::Node node = graph.nodes[static_cast<std::size_t>(add)];
  const ValueId a = node.inputs[0], b = node.inputs[1];
  if (graph.values[static_cast<std::size_t>(a)].shape != graph.values[static_cast<std::size_t>(b)].shape)
    return false;
  // Of two candidates the later one: the other operand has been computed by then.
  const int conv_a = convolution_for(graph, a, add), conv_b = convolution_for(graph, b, add);
  const int conv = std::max(conv_a, conv_b);
  if (conv < 0) return false;
  const ValueId residual = conv == conv_a ? b : a;

  Graph::Node& fused = graph.nodes[static_cast<std::size_t>(conv)];
  std::get<ops::Conv2dOp>(fused.op).activation = std::get<ops::AddOp>(node.op).activation;
  fused.inputs.push_back(residual);
  fused.output = node.output;
  const auto first = graph.nodes.begin();
  // Where the residual is computed after the convolution, the convolution takes the place of the addition.
  if (graph.producer(residual) > conv) std::rotate(first + conv, first + conv + 1, first + add);
  erase_node(graph, add);
  return true;
}

}  // namespace

bool fuse_residual(Graph& graph) {
  return fuse_nodes(graph, [](Graph& g, int i) {
    return std::holds_alternative<ops::AddOp>(g.nodes[static_cast<std::size_t>(i)].op) &&
           fuse_one_residual(g, i);
  });
}

}  // namespace lowbit::detail
