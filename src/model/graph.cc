// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/graph.h"

#include <fmt/format.h>

#include <utility>

#include "core/refuse.h"
#include "lowbit/core/error.h"

namespace lowbit {

namespace {

std::vector<Shape> input_shapes(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<Shape> shapes;
  shapes.reserve(ids.size());
  for (const ValueId id : ids) shapes.push_back(graph.values.at(static_cast<std::size_t>(id)).shape);
  return shapes;
}

Shape inferred(const std::string& node_name, const ops::Op& op, const std::vector<Shape>& shapes) {
  try {
    return ops::infer_shape(op, shapes);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("node '{}' ({}): {}", node_name, ops::op_name(op), e.what()));
  }
}

void require_id(const Graph& graph, ValueId id, const std::string& where) {
  if (id < 0 || static_cast<std::size_t>(id) >= graph.values.size())
    refuse(fmt::format("{} refers to value {}, but the graph has {} values", where, id, graph.values.size()));
}

/// Ids of the values that are still referred to, renumbered in their old order; -1 for the others.
std::vector<ValueId> renumbering(const Graph& graph) {
  std::vector<ValueId> map(graph.values.size(), -1);
  const auto keep = [&](ValueId id) { map[static_cast<std::size_t>(id)] = 0; };
  for (const ValueId id : graph.inputs) keep(id);
  for (const ValueId id : graph.outputs) keep(id);
  for (const Graph::Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) keep(id);
    keep(node.output);
  }
  ValueId next = 0;
  for (ValueId& id : map)
    if (id == 0) id = next++;
  return map;
}

}  // namespace

ValueId Graph::add_value(std::string name, Shape shape) {
  values.push_back({std::move(name), shape});
  return static_cast<ValueId>(values.size()) - 1;
}

ValueId Graph::add_node(std::string name, ops::Op op, std::vector<ValueId> node_inputs) {
  for (const ValueId id : node_inputs) require_id(*this, id, fmt::format("an input of node '{}'", name));
  const Shape shape = inferred(name, op, input_shapes(*this, node_inputs));
  const ElementType element = ops::result_element(op);
  const ValueId output = add_value(name, shape);
  values.back().element = element;
  nodes.push_back({std::move(name), std::move(op), std::move(node_inputs), output});
  return output;
}

int Graph::producer(ValueId value) const {
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].output == value) return static_cast<int>(i);
  return -1;
}

std::vector<int> Graph::consumers(ValueId value) const {
  std::vector<int> found;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (const ValueId input : nodes[i].inputs)
      if (input == value) found.push_back(static_cast<int>(i));
  return found;
}

bool Graph::is_output(ValueId value) const {
  for (const ValueId id : outputs)
    if (id == value) return true;
  return false;
}

void infer_shapes(Graph& graph) {
  for (const Graph::Node& node : graph.nodes)
    graph.values.at(static_cast<std::size_t>(node.output)).shape =
        inferred(node.name, node.op, input_shapes(graph, node.inputs));
}

void validate(const Graph& graph) {
  std::vector<bool> computed(graph.values.size(), false);
  const auto define = [&](ValueId id, const std::string& where) {
    require_id(graph, id, where);
    if (computed[static_cast<std::size_t>(id)])
      refuse(fmt::format("{} computes value '{}', which exists already", where,
                         graph.values[static_cast<std::size_t>(id)].name));
    computed[static_cast<std::size_t>(id)] = true;
  };
  const auto require_computed = [&](ValueId id, const std::string& where) {
    require_id(graph, id, where);
    if (!computed[static_cast<std::size_t>(id)])
      refuse(fmt::format("{} reads value '{}' before it is computed", where,
                         graph.values[static_cast<std::size_t>(id)].name));
  };
  for (const ValueId id : graph.inputs) define(id, "the input list of the graph");
  for (const Graph::Node& node : graph.nodes) {
    const std::string where = fmt::format("node '{}'", node.name);
    for (const ValueId id : node.inputs) require_computed(id, where);
    define(node.output, where);
  }
  for (const ValueId id : graph.outputs) require_computed(id, "the output list of the graph");
}

void remove_dead_nodes(Graph& graph) {
  std::vector<bool> live(graph.values.size(), false);
  for (const ValueId id : graph.outputs) live[static_cast<std::size_t>(id)] = true;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node)
    if (live[static_cast<std::size_t>(node->output)])
      for (const ValueId id : node->inputs) live[static_cast<std::size_t>(id)] = true;
  std::erase_if(graph.nodes,
                [&](const Graph::Node& node) { return !live[static_cast<std::size_t>(node.output)]; });

  const std::vector<ValueId> map = renumbering(graph);
  const auto renumber = [&](ValueId& id) { id = map[static_cast<std::size_t>(id)]; };
  std::vector<Graph::Value> kept;
  for (std::size_t i = 0; i < map.size(); ++i)
    if (map[i] >= 0) kept.push_back(std::move(graph.values[i]));
  graph.values = std::move(kept);
  for (ValueId& id : graph.inputs) renumber(id);
  for (ValueId& id : graph.outputs) renumber(id);
  for (Graph::Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) renumber(id);
    renumber(node.output);
  }
}

}  // namespace lowbit
