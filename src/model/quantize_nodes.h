// Quantizing a model node by node, with a scheme for each: for studies that make many models of the same
// layers.
#pragma once

#include <span>
#include <string>

#include "lowbit/model/quantize.h"

namespace lowbit {

/// The weights of a Conv2d or Linear in a scheme, rows and columns as in weight_matrix().
QuantizedMatrix quantize_weight_matrix(const ops::Op& op, const Scheme& scheme);

/// The label of weights whose codes a policy gave without one.
inline constexpr const char* kGivenCodes = "given codes";

/// Makes q.weights of node `index` as the policy says (empty: as q.scheme does), and says whose they are.
/// Returns the biases that take the place of the layer's; empty: they stay. Throws Error naming the layer for
/// what does not fit it.
std::vector<float> quantize_weights(const Graph::Node& node, int index, const WeightsPolicy& policy,
                                    NodeQuantization& q);

/// As in QuantizeOptions.
struct NodePolicies {
  WeightsPolicy weights{};
  RangePolicy ranges{};
  bool wide_sums = false;
  /// Codes that `weights` gives are of the schemes' kind: labels are as it gives them, empty ones too.
  bool codes_of_schemes = false;
};

/// `schemes`: one a node, built. `name` becomes Model::scheme(). Throws as quantize.
Model quantize_nodes(const Model& fp32, const CalibrationTable* table, std::span<const Scheme> schemes,
                     const std::string& name, const NodePolicies& policies = {});

}  // namespace lowbit
