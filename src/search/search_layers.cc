// SPDX-License-Identifier: Apache-2.0
#include "search/search_layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "layers/weight_of.h"
#include "lowbit/core/error.h"
#include "lowbit/layers/ops.h"

namespace lowbit::detail {
namespace {

double elements_of(const Graph& graph, ValueId id) {
  return static_cast<double>(graph.values[static_cast<std::size_t>(id)].shape.elements());
}

}  // namespace

SearchLayer search_layer(const Graph& graph, std::size_t node) {
  const Graph::Node& n = graph.nodes[node];
  SearchLayer layer{.node = static_cast<int>(node), .name = n.name};
  const Tensor& weight = *ops::weight_of(n.op);
  const double channels = static_cast<double>(weight.shape[0]), outputs = elements_of(graph, n.output);
  layer.products = static_cast<double>(weight.shape.elements()) * outputs / channels;
  layer.values = outputs;
  for (const ValueId id : n.inputs) layer.values += elements_of(graph, id);
  return layer;
}

std::size_t loaded_weight_bytes(const Model& model, std::size_t node) {
  const ops::Op& op = model.graph().nodes[node].op;
  std::size_t biases = 0;
  std::visit(
      [&](const auto& layer) {
        if constexpr (requires { layer.bias; }) biases = layer.bias.size();
      },
      op);
  const std::size_t codes = model.weight_bytes(static_cast<int>(node)),
                    weights = static_cast<std::size_t>(ops::weight_of(op)->shape.elements());
  return (codes > 0 ? codes : weights * sizeof(float)) + biases * sizeof(float);
}

bool runs_on_codes(const Scheme& scheme) {
  return !scheme.is_fp32() && !scheme.dynamic && scheme.activation_bits > 1;
}

Scheme rest_scheme_of(std::span<const Scheme> candidates) {
  return std::any_of(candidates.begin(), candidates.end(), runs_on_codes) ? Scheme("int8") : Scheme();
}

std::vector<SearchLayer> search_layers(const Model& fp32, std::span<const Scheme> candidates) {
  if (fp32.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a search needs an fp32 model, not one quantized to {}", fp32.scheme()));
  if (candidates.empty()) throw Error(ErrorCode::invalid_argument, "a search needs a scheme to choose");
  const Graph& graph = fp32.graph();
  std::vector<SearchLayer> layers;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (ops::has_weights(graph.nodes[i].op)) layers.push_back(search_layer(graph, i));
  if (layers.empty())
    throw Error(ErrorCode::invalid_argument, "the model has no layer with weights to quantize");
  for (const Scheme& scheme : candidates) {
    require_built(scheme);
    const std::vector<NodePlan> plans = plan_nodes(graph, std::vector<Scheme>(graph.nodes.size(), scheme));
    for (SearchLayer& layer : layers) {
      const NodePlan& plan = plans[static_cast<std::size_t>(layer.node)];
      const bool can = scheme.is_fp32() || plan.mode != NodePlan::Mode::f32;
      const bool known = std::find(layer.schemes.begin(), layer.schemes.end(), scheme) != layer.schemes.end();
      if (can && !known) layer.schemes.push_back(scheme);
    }
  }
  for (SearchLayer& layer : layers)
    if (layer.schemes.empty()) layer.schemes.emplace_back();
  return layers;
}

}  // namespace lowbit::detail
