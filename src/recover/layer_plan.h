// SPDX-License-Identifier: Apache-2.0
// The layers of a network that a recovery works on, with what quantizing without one makes of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lowbit/model/quantize.h"
#include "recover/recover_layer.h"

namespace lowbit::detail {

/// What the user's policy or the scheme makes of a layer's weights. The weights themselves stay where they
/// are, in the network.
struct LayerPlan {
  int node = 0;
  std::string name{};
  std::vector<float> bias{};  ///< the layer's own or the policy's
  std::optional<AnyQuantizer> quantizer{};
  std::vector<float> importance{};
  std::string label{};
  std::string untouched{};  ///< why it stays as it is; empty: it does not
  RecoveredLayer now{};     ///< without codes where the node does not multiply (Embedding, Recurrent)

  bool multiplies() const { return quantizer.has_value(); }
};

/// Of an fp32 network, in order of the graph, with nodes whose weights are quantized and never recovered.
/// `schemes`: one a node. Throws as quantize().
std::vector<LayerPlan> plan_layers(const Graph& graph, const std::vector<Scheme>& schemes,
                                   const WeightsPolicy& weights);

}  // namespace lowbit::detail
