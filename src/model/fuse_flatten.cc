// SPDX-License-Identifier: Apache-2.0
// A Linear behind a Flatten can read the pixels of a C x H x W value where they lie, channels last, when the
// columns of its weight stand in that order:
//
//   logical order  (c, h, w): c * H * W + h * W + w        memory order  (h, w, c): (h * W + w) * C + c
#include <algorithm>
#include <cstddef>

#include "model/fuse_passes.h"

namespace lowbit::detail {

namespace {

/// Row by row where they lie: the weight behind a Flatten is often the largest of a network.
void to_memory_order(Tensor& weight, std::size_t channels, std::size_t pixels) {
  const std::size_t cols = channels * pixels;
  std::vector<float> row(cols);
  for (auto at = weight.data.begin(); at != weight.data.end(); at += static_cast<std::ptrdiff_t>(cols)) {
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t p = 0; p < pixels; ++p)
        row[p * channels + c] = at[static_cast<std::ptrdiff_t>(c * pixels + p)];
    std::copy(row.begin(), row.end(), at);
  }
}

bool fuse_one_flatten(Graph& graph, int flatten) {
  const Graph::Node node = graph.nodes[static_cast<std::size_t>(flatten)];
  const Shape& shape = graph.values[static_cast<std::size_t>(node.inputs[0])].shape;
  if (shape.rank() != 3 || graph.is_output(node.output)) return false;
  const std::int64_t pixels = shape[1] * shape[2];
  // Pixels of codes are padded to multiples of four, so that other channel counts leave gaps.
  if (pixels != 1 && shape[0] % 4 != 0) return false;
  const std::vector<int> readers = graph.consumers(node.output);
  const bool only_linear = std::all_of(readers.begin(), readers.end(), [&](int r) {
    const auto* linear = std::get_if<ops::LinearOp>(&graph.nodes[static_cast<std::size_t>(r)].op);
    return linear && !linear->flattens_input && !linear->weight.data.empty();
  });
  if (readers.empty() || !only_linear) return false;

  for (const int r : readers) {
    Graph::Node& reader = graph.nodes[static_cast<std::size_t>(r)];
    auto& linear = std::get<ops::LinearOp>(reader.op);
    to_memory_order(linear.weight, static_cast<std::size_t>(shape[0]), static_cast<std::size_t>(pixels));
    linear.flattens_input = true;
    reader.inputs[0] = node.inputs[0];
  }
  erase_node(graph, flatten);
  return true;
}

}  // namespace

bool fuse_flatten(Graph& graph) {
  return fuse_nodes(graph, [](Graph& g, int i) {
    return std::holds_alternative<ops::FlattenOp>(g.nodes[static_cast<std::size_t>(i)].op) &&
           fuse_one_flatten(g, i);
  });
}

}  // namespace lowbit::detail
