// SPDX-License-Identifier: Apache-2.0
// Some nodes of a model, one after the other, as a model of their own: what runs a network piece by piece.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "lowbit/model/model.h"

namespace lowbit {

struct ModelPart {
  Model model;
  /// In the whole model, in the order of the part's: what its nodes read of others, and what later ones read
  /// of them. Inputs have the types that they have there, codes too.
  std::vector<ValueId> inputs, outputs;
};

/// Another form of a node of the part.
using NodeChange = std::function<void(int node, ops::Op& op, NodeQuantization& quantization)>;

/// Nodes `first` to `last`, not included, after `change`.
ModelPart model_part(const Model& whole, std::size_t first, std::size_t last, const NodeChange& change = {});

/// Of each value of a graph: the last node that reads it, or that computes it where none does; -1 for an
/// input that nothing reads.
std::vector<int> last_uses(const Graph& graph);

}  // namespace lowbit
