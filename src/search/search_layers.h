// SPDX-License-Identifier: Apache-2.0
// The layers that a search chooses schemes for (Conv2d and Linear), and which schemes each can have.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "lowbit/model/model.h"
#include "model/node_schemes.h"

namespace lowbit::detail {

struct SearchLayer {
  int node = 0;  ///< of the fp32 graph
  std::string name{};
  std::vector<Scheme> schemes{};  ///< in the order of the candidates; fp32 where there is no other
  double products = 0;            ///< multiplications on one sample
  double values = 0;              ///< elements of its inputs and its output on one sample
};

/// Without schemes. The node has weights, as fp32 or as codes.
SearchLayer search_layer(const Graph& graph, std::size_t node);
/// Of weights and biases of such a node, in memory.
std::size_t loaded_weight_bytes(const Model& model, std::size_t node);

/// Throws Error(invalid_argument) for a quantized model, one without such layers, or no candidates;
/// Error(not_built) for a scheme that this build lacks.
std::vector<SearchLayer> search_layers(const Model& fp32, std::span<const Scheme> candidates);

/// That what is no layer gets: int8 where some candidate has codes of activations with ranges found before.
Scheme rest_scheme_of(std::span<const Scheme> candidates);

/// Whether the layer reads and gives codes.
bool runs_on_codes(const Scheme& scheme);

}  // namespace lowbit::detail
