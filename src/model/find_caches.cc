// SPDX-License-Identifier: Apache-2.0
#include "model/find_caches.h"

#include <algorithm>

namespace lowbit {
namespace {

std::size_t place(int id) {
  return static_cast<std::size_t>(id);
}

const Graph::Node* node_of(const Graph& graph, int i) {
  return i < 0 ? nullptr : &graph.nodes[place(i)];
}

/// The node that joins a cache which is keys or values (input `side` of an attention), or -1.
int join_of(const Graph& graph, const ops::AttentionOp& attention, const Graph::Node& node,
            std::size_t side) {
  const int producer = graph.producer(node.inputs[side]);
  const Graph::Node* join = node_of(graph, producer);
  const auto* concat = join ? std::get_if<ops::ConcatOp>(&join->op) : nullptr;
  const bool by_head = side == 1 ? attention.keys_by_head : attention.values_by_head;
  if (!concat || concat->axis != (by_head ? 2 : 1) || join->inputs.size() < 2) return -1;
  const ValueId past = join->inputs[0];
  return graph.producer(past) < 0 && graph.consumers(past).size() == 1 && !graph.is_output(past) ? producer
                                                                                                 : -1;
}

/// Whether all that reads a join are attentions that read rows, as keys or values.
bool is_read_as_rows(const Graph& graph, const std::vector<bool>& attentions, int join) {
  const ValueId output = graph.nodes[place(join)].output;
  const std::vector<int> readers = graph.consumers(output);
  return std::all_of(readers.begin(), readers.end(), [&](int reader) {
    const std::vector<ValueId>& inputs = graph.nodes[place(reader)].inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i] == output && i != 1 && i != 2) return false;
    return bool{attentions[place(reader)]};
  });
}

}  // namespace

CachedParts find_caches(const Graph& graph) {
  const std::size_t count = graph.nodes.size();
  CachedParts parts{std::vector<bool>(count, false), std::vector<bool>(count, false),
                    std::vector<bool>(graph.values.size(), false)};
  std::vector<std::pair<int, int>> joins(count, {-1, -1});
  for (std::size_t i = 0; i < count; ++i) {
    const Graph::Node& node = graph.nodes[i];
    const auto* attention = std::get_if<ops::AttentionOp>(&node.op);
    if (!attention) continue;
    joins[i] = {join_of(graph, *attention, node, 1), join_of(graph, *attention, node, 2)};
    parts.attentions[i] = joins[i].first >= 0 && joins[i].second >= 0;
  }
  // One that stays floats takes those with it that share a cache.
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!parts.attentions[i] || (is_read_as_rows(graph, parts.attentions, joins[i].first) &&
                                   is_read_as_rows(graph, parts.attentions, joins[i].second)))
        continue;
      parts.attentions[i] = false;
      changed = true;
    }
  }
  for (std::size_t i = 0; i < count; ++i)
    for (const int join : {joins[i].first, joins[i].second}) {
      if (!parts.attentions[i]) continue;
      parts.joins[place(join)] = true;
      parts.values[place(graph.nodes[place(join)].inputs[0])] = true;
      parts.values[place(graph.nodes[place(join)].output)] = true;
    }
  return parts;
}

}  // namespace lowbit
