// SPDX-License-Identifier: Apache-2.0
// Quantizing a model node by node, with a scheme for each: for studies that make many models of the same
// layers.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "lowbit/model/quantize.h"

namespace lowbit {

/// ModelData::scheme of a model that kept the codes of the file that it comes from.
inline constexpr const char* kSchemeOfFile = "as in the file";
/// The same of one that is fp32 but for some layers, or for its caches.
inline constexpr const char* kMixedSchemes = "mixed";

/// The weights of a Conv2d or Linear in a scheme, rows and columns as in weight_matrix().
QuantizedMatrix quantize_weight_matrix(const ops::Op& op, const Scheme& scheme);

/// As in QuantizeOptions.
struct NodePolicies {
  WeightsPolicy weights{};
  RangePolicy ranges{};
  bool wide_sums = false;
  int kv_cache_bits = 0;
  /// Qparams of values of 8 bits by name, in place of ranges: then no table is needed, and every value that
  /// becomes codes has some. Empty: none.
  std::function<QParams(const std::string& value)> qparams{};
  /// Of codes that `weights` gives without a label; empty where they are what the scheme calls for.
  std::string given_codes_label = "given codes";
};

/// Makes q.weights of node `index` as policies.weights says (empty: as q.scheme does), and says whose they
/// are. Returns the biases that take the place of the layer's; empty: they stay. Throws Error naming the
/// layer for what does not fit it.
std::vector<float> quantize_weights(const Graph::Node& node, int index, const NodePolicies& policies,
                                    NodeQuantization& q);

/// Model::scheme() of a model that is quantized with these options.
std::string quantized_name(const QuantizeOptions& options);

/// `schemes`: one a node, built. `name` becomes Model::scheme(). Throws as quantize.
Model quantize_nodes(const Model& fp32, const CalibrationTable* table, std::span<const Scheme> schemes,
                     const std::string& name, const NodePolicies& policies = {});

}  // namespace lowbit
