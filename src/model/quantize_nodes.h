// Quantizing a model node by node, with a scheme for each, and with weights that were quantized before: for
// studies that make many models of the same layers.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "lowbit/model/quantize.h"

namespace lowbit {

/// Weights of nodes in schemes. Filled first, then shared between threads.
class QuantizedWeights {
 public:
  /// Null when it is not there.
  const QuantizedMatrix* find(int node, const Scheme& scheme) const {
    const auto it = weights_.find({node, format_scheme(scheme)});
    return it == weights_.end() ? nullptr : &it->second;
  }
  void add(int node, const Scheme& scheme, QuantizedMatrix weights) {
    weights_.insert_or_assign({node, format_scheme(scheme)}, std::move(weights));
  }

 private:
  std::map<std::pair<int, std::string>, QuantizedMatrix> weights_;
};

/// The weights of a Conv2d or Linear in a scheme, rows and columns as in weight_matrix().
QuantizedMatrix quantize_weight_matrix(const ops::Op& op, const Scheme& scheme);

/// `schemes`: one a node, built. `name` becomes Model::scheme(). What `known` has is copied, the rest
/// quantized. Throws as quantize.
Model quantize_nodes(const Model& fp32, const CalibrationTable* table, std::span<const Scheme> schemes,
                     const std::string& name, const QuantizedWeights* known = nullptr);

}  // namespace lowbit
