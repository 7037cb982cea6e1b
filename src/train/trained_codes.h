// SPDX-License-Identifier: Apache-2.0
// TrainedCodes: a quantized model becomes what the nodes of tapes have learned for it.
#pragma once

#include <cstddef>
#include <map>

#include "lowbit/model/model.h"
#include "train/quantized_graph.h"

namespace lowbit::train {

class TrainedCodes {
 public:
  /// `graph` was made of `quantized`, and outlives this.
  TrainedCodes(const Model& quantized, const QuantizedGraph& graph);

  /// What node `n` of the graph has learned: weights and biases, or the step of an activation. In the order
  /// of the graph: a product after the signs that it reads.
  void take(std::size_t n, const TapeNode& node);
  Model model() &&;

 private:
  const QuantizedGraph& graph_;
  detail::ModelData data_;
  std::map<ValueId, QParams> qparams_;  ///< of values of the quantized model
  std::map<int, float> sign_scales_;    ///< of nodes of the quantized model that read signs
};

}  // namespace lowbit::train
