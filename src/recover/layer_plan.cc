// SPDX-License-Identifier: Apache-2.0
#include "recover/layer_plan.h"

#include <utility>

#include "lowbit/quant/make_quantizer.h"
#include "model/node_schemes.h"
#include "model/quantize_nodes.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

LayerPlan plan_layer(const Graph::Node& node, int i, const NodePlan& plan, const WeightsPolicy& weights) {
  LayerPlan layer{.node = i, .name = node.name};
  std::visit(
      [&](const auto& op) {
        if constexpr (requires { op.bias; }) layer.bias = op.bias;
      },
      node.op);
  // The checks, and the codes of the user's own policy, are those of quantize().
  NodeQuantization q{.scheme = plan.scheme};
  std::optional<LayerWeights> chosen;
  const auto policy = [&](const LayerContext& context) {
    return chosen.emplace(weights ? weights(context) : LayerWeights{});
  };
  layer.now.bias = quantize_weights(node, i, {.weights = policy}, q);
  layer.now.codes = std::move(*q.weights);
  layer.label = q.weights_label;
  if (!layer.now.bias.empty()) layer.bias = layer.now.bias;
  layer.bias.resize(index(layer.now.codes.rows), 0.0f);
  layer.quantizer.emplace(chosen->quantizer ? *chosen->quantizer : make_quantizer(plan.scheme));
  layer.importance = std::move(chosen->importance);
  if (chosen->codes) layer.untouched = "its codes were given";
  if (plan.mode == NodePlan::Mode::signs) layer.untouched = "it multiplies the signs of its inputs";
  return layer;
}

/// Of weights that no step rounds; empty: the node has none.
std::string why_nearest(const Graph::Node& node) {
  if (std::holds_alternative<ops::EmbeddingOp>(node.op))
    return "its rows are read one by one: the nearest codes are the best";
  if (std::holds_alternative<ops::RecurrentOp>(node.op))
    return "its inputs follow from its own codes: they stay the nearest";
  return {};
}

}  // namespace

std::vector<LayerPlan> plan_layers(const Graph& graph, const std::vector<Scheme>& schemes,
                                   const WeightsPolicy& weights) {
  const std::vector<NodePlan> plans = plan_nodes(graph, schemes);
  std::vector<LayerPlan> layers;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    if (plans[i].mode == NodePlan::Mode::f32) continue;
    if (ops::has_weights(node.op))
      layers.push_back(plan_layer(node, static_cast<int>(i), plans[i], weights));
    else if (const std::string why = why_nearest(node); !why.empty())
      layers.push_back({.node = static_cast<int>(i), .name = node.name, .untouched = why});
  }
  return layers;
}

}  // namespace lowbit::detail
