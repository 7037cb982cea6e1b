// SPDX-License-Identifier: Apache-2.0
#include "model/fuse_passes.h"

namespace lowbit {

void fuse(Graph& graph) {
  // Scales come first: a convolution that has taken a residual or an activation can no longer take a scale.
  // Flatten is last, because it permutes weights and the scale passes know only unpermuted ones.
  for (bool changed = true; changed;) {
    changed = detail::fold_scale_shift_backward(graph);
    changed = detail::fold_scale_shift_forward(graph) || changed;
    if (changed) continue;
    // A limit that a scale has taken would stay between it and the function before it, which may still come
    // to be.
    changed = detail::fuse_residual(graph) || detail::fuse_gate(graph) || detail::fuse_clamp(graph) ||
              detail::fuse_gelu(graph) || detail::fuse_layer_norm(graph) || detail::fuse_attention(graph) ||
              detail::move_reshapes(graph) || detail::fuse_flatten(graph);
    // Nodes that nobody reads any more would still count as readers.
    if (changed) remove_dead_nodes(graph);
  }
  remove_dead_nodes(graph);
}

}  // namespace lowbit
