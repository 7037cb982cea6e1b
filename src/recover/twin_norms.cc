// SPDX-License-Identifier: Apache-2.0
#include "recover/twin_norms.h"

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "lowbit/recover/scale_groups.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

bool is_norm(const Graph::Node& node) {
  return std::holds_alternative<ops::LayerNormOp>(node.op);
}

/// All elements, in another form.
bool moves_all(const Graph::Node& node) {
  return std::holds_alternative<ops::ReshapeOp>(node.op) || std::holds_alternative<ops::FlattenOp>(node.op) ||
         std::holds_alternative<ops::TransposeOp>(node.op);
}

/// Whether layers multiply the value, or what it becomes where it is only moved.
std::vector<bool> led_to_layers(const Graph& graph) {
  std::vector<bool> leads(graph.values.size(), false);
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node)
    if (ops::has_weights(node->op) || (moves_all(*node) && leads[index(node->output)]))
      leads[index(node->inputs[0])] = true;
  return leads;
}

class Splitter {
 public:
  explicit Splitter(const Graph& graph)
      : graph_(graph), groups_(graph), leads_(led_to_layers(graph)), twin_of_(graph.values.size(), -1) {
    for (Graph::Node& node : std::exchange(graph_.nodes, {})) {
      const ValueId twin = node.inputs.empty() ? -1 : twin_of_[index(node.inputs[0])];
      std::optional<Graph::Node> other;
      if (leads_[index(node.output)]) {
        if (is_norm(node) && !groups_.fixed_by(node.output).empty()) other = twin_of(node, node.inputs[0]);
        if (twin >= 0 && moves_all(node)) other = twin_of(node, twin);
      }
      if (twin >= 0 && ops::has_weights(node.op)) node.inputs[0] = twin;
      graph_.nodes.push_back(std::move(node));
      if (other) graph_.nodes.push_back(std::move(*other));
    }
  }

  Graph graph() && { return std::move(graph_); }
  std::vector<std::pair<ValueId, ValueId>> twins{};

 private:
  Graph::Node twin_of(const Graph::Node& node, ValueId input) {
    const std::string suffix(kTwinSuffix);
    const Graph::Value value = graph_.values[index(node.output)];
    const ValueId twin = graph_.add_value(value.name + suffix, value.shape);
    twin_of_[index(node.output)] = twin;
    twins.emplace_back(node.output, twin);
    return {node.name + suffix, node.op, {input}, twin};
  }

  Graph graph_;
  ScaleGroups groups_;
  std::vector<bool> leads_;
  std::vector<ValueId> twin_of_;
};

}  // namespace

TwinNorms::TwinNorms(const Model& fp32) : model(fp32) {
  Splitter splitter(fp32.graph());
  if (splitter.twins.empty()) return;
  twins = std::move(splitter.twins);
  model = Model(std::move(splitter).graph(), fp32.data().source);
}

Model TwinNorms::without_equal(const Model& rescaled) const {
  Graph graph = rescaled.graph();
  std::map<ValueId, ValueId> same;
  for (const auto& [value, twin] : twins) {
    const Graph::Node& a = graph.nodes[index(graph.producer(value))];
    const Graph::Node& b = graph.nodes[index(graph.producer(twin))];
    const auto* norm = std::get_if<ops::LayerNormOp>(&a.op);
    const auto* other = std::get_if<ops::LayerNormOp>(&b.op);
    const bool equal =
        norm ? norm->scale == other->scale && norm->shift == other->shift : same.contains(b.inputs[0]);
    if (equal) same.emplace(twin, value);
  }
  if (same.empty()) return rescaled;
  for (Graph::Node& node : graph.nodes)
    for (ValueId& id : node.inputs)
      if (const auto at = same.find(id); at != same.end()) id = at->second;
  remove_dead_nodes(graph);
  return Model(std::move(graph), rescaled.data().source);
}

std::string_view name_without_twin(std::string_view name) {
  if (name.ends_with(kTwinSuffix)) name.remove_suffix(kTwinSuffix.size());
  return name;
}

}  // namespace lowbit::detail
