// SPDX-License-Identifier: Apache-2.0
// Blocks: a network cut wherever a single value goes on, that of a residual unit or of a layer that nothing
// bypasses.
#pragma once

#include <cstddef>
#include <vector>

#include "lowbit/layers/step.h"
#include "lowbit/model/graph.h"
#include "train/quantized_graph.h"

namespace lowbit::train {

/// Nodes [first, last), which read `input` and each other; `output` is what the rest reads.
struct GraphPart {
  std::size_t first = 0, last = 0;
  ValueId input = -1, output = -1;
};

/// The same part of a network in floats and of what becomes codes.
struct Block {
  GraphPart fp32, quantized;
};

/// Cuts both graphs at the values that they share. Each block has a layer whose weights are codes in
/// `quantized`, which the graph was made of; nodes without go with the block in front of them. Throws
/// Error(unsupported) for a network with several inputs or outputs, or one of integers.
std::vector<Block> cut_blocks(const Model& fp32, const Model& quantized, const QuantizedGraph& graph);

/// A part as a graph of its own, and the types of its values out of those of the whole.
struct PartGraph {
  Graph graph;
  std::vector<ValueType> types;
};
PartGraph part_graph(const Graph& graph, const std::vector<ValueType>& types, const GraphPart& part);

}  // namespace lowbit::train
