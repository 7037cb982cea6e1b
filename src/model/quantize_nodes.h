// Quantizing a model node by node, with a scheme for each: for studies that make many models of the same
// layers.
#pragma once

#include <span>
#include <string>

#include "lowbit/model/quantize.h"

namespace lowbit {

/// The weights of a Conv2d or Linear in a scheme, rows and columns as in weight_matrix().
QuantizedMatrix quantize_weight_matrix(const ops::Op& op, const Scheme& scheme);

/// Makes q.weights of node `index` as the policy says (empty: as q.scheme does), and says whose they are.
/// Throws Error naming the layer for what does not fit it.
void quantize_weights(const Graph::Node& node, int index, const WeightsPolicy& policy, NodeQuantization& q);

/// `schemes`: one a node, built. `name` becomes Model::scheme(). Throws as quantize.
Model quantize_nodes(const Model& fp32, const CalibrationTable* table, std::span<const Scheme> schemes,
                     const std::string& name, const WeightsPolicy& weights = {});

}  // namespace lowbit
