// SPDX-License-Identifier: Apache-2.0
// The passes that fuse() repeats until none of them finds anything. Each looks for its pattern from the first
// node on, rewrites every match and returns whether there was one. A rewrite keeps the id, and so the name,
// of the value that the last fused node computed; values that nobody refers to any more are removed at the
// end.
#pragma once

#include <utility>

#include "lowbit/model/graph.h"

namespace lowbit::detail {

/// ScaleShift into the Conv2d, Linear or ScaleShift that computes its input.
bool fold_scale_shift_backward(Graph& graph);
/// ScaleShift into the Linear or Conv2d that reads its output, where padding does not stand in the way.
bool fold_scale_shift_forward(Graph& graph);
/// Add into the Conv2d that computes one of its operands: the other one becomes the convolution's residual.
bool fuse_residual(Graph& graph);
/// Clamp into the node that computes its input, also through operators that only move elements.
bool fuse_clamp(Graph& graph);
/// A product of a value and a function of it into one function.
bool fuse_gate(Graph& graph);
/// GELU written out.
bool fuse_gelu(Graph& graph);
/// Normalization along the last axis written out.
bool fuse_layer_norm(Graph& graph);
/// Attention written out.
bool fuse_attention(Graph& graph);
/// In a graph without a batch: Reshapes behind what can do without them.
bool move_reshapes(Graph& graph);
/// Flatten into the Linear nodes that read it.
bool fuse_flatten(Graph& graph);

/// True when the node at `consumer` is the only reader of `value` and the graph does not return it.
inline bool is_read_only_by(const Graph& graph, ValueId value, int consumer) {
  const std::vector<int> readers = graph.consumers(value);
  return readers.size() == 1 && readers[0] == consumer && !graph.is_output(value);
}

/// Calls fuse(graph, i) for every node; true: node i is part of another one now and gone.
template <class Fuse>
bool fuse_nodes(Graph& graph, Fuse fuse) {
  bool changed = false;
  for (int i = 0; i < static_cast<int>(graph.nodes.size());) {
    if (fuse(graph, i))
      changed = true;
    else
      ++i;
  }
  return changed;
}

inline void erase_node(Graph& graph, int node) {
  graph.nodes.erase(graph.nodes.begin() + node);
}

}  // namespace lowbit::detail
