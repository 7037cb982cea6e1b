// SPDX-License-Identifier: Apache-2.0
#include "train/tape_plan.h"

#include <algorithm>
#include <numeric>

namespace lowbit::train {
namespace {

std::size_t at(int i) {
  return static_cast<std::size_t>(i);
}

/// Nodes count down in a backward pass: a gradient lives from the highest node that writes it to the one that
/// reads it.
struct Life {
  int from = -1, to = 0;
};

/// Largest first, each at the lowest offset where it meets no other of its time.
void place(TapePlan& plan, const std::vector<Life>& life, const std::vector<std::size_t>& sizes) {
  std::vector<std::size_t> order, placed;
  for (std::size_t v = 0; v < sizes.size(); ++v)
    if (plan.is_needed[v]) order.push_back(v);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  for (const std::size_t v : order) {
    std::vector<std::size_t> rivals;
    for (const std::size_t p : placed)
      if (life[v].to <= life[p].from && life[p].to <= life[v].from) rivals.push_back(p);
    std::sort(rivals.begin(), rivals.end(),
              [&](std::size_t a, std::size_t b) { return plan.offsets[a] < plan.offsets[b]; });
    std::size_t offset = 0;
    for (const std::size_t r : rivals) {
      if (offset + sizes[v] <= plan.offsets[r]) break;
      offset = std::max(offset, plan.offsets[r] + sizes[r]);
    }
    plan.offsets[v] = offset;
    plan.bytes = std::max(plan.bytes, offset + sizes[v]);
    placed.push_back(v);
  }
}

}  // namespace

TapePlan plan_tape(const Graph& graph, const std::vector<bool>& trains, bool input_gradients,
                   const std::vector<std::size_t>& sizes) {
  const std::size_t values = graph.values.size(), nodes = graph.nodes.size();
  TapePlan plan{std::vector<bool>(values), std::vector<bool>(nodes), std::vector<std::size_t>(values), 0,
                std::vector<std::vector<bool>>(nodes)};
  if (input_gradients)
    for (const ValueId id : graph.inputs)
      plan.is_needed[at(id)] = graph.values[at(id)].element == ElementType::f32;
  for (std::size_t n = 0; n < nodes; ++n) {
    const Graph::Node& node = graph.nodes[n];
    bool needed = trains[n];
    for (const ValueId id : node.inputs) needed = needed || plan.is_needed[at(id)];
    plan.runs_backward[n] = plan.is_needed[at(node.output)] = needed;
  }
  std::vector<Life> life(values);
  std::vector<bool> is_written(values);
  const int end = static_cast<int>(nodes);
  for (const ValueId id : graph.outputs) {
    is_written[at(id)] = true;
    life[at(id)].from = end;
    plan.is_needed[at(id)] = true;  // the caller writes it even where nothing follows from it
    life[at(id)].to = -1;
  }
  for (const ValueId id : graph.inputs) life[at(id)].to = -1;
  for (int n = end; n-- > 0;) {
    const Graph::Node& node = graph.nodes[at(n)];
    if (!graph.is_output(node.output)) life[at(node.output)].to = n;
    plan.adds[at(n)].assign(node.inputs.size(), false);
    for (std::size_t i = node.inputs.size(); plan.runs_backward[at(n)] && i-- > 0;) {
      const std::size_t v = at(node.inputs[i]);
      if (!plan.is_needed[v]) continue;
      plan.adds[at(n)][i] = is_written[v];
      is_written[v] = true;
      life[v].from = std::max(life[v].from, n);
    }
  }
  place(plan, life, sizes);
  return plan;
}

}  // namespace lowbit::train
