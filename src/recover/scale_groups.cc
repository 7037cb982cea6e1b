// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/scale_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/refuse.h"
#include "recover/channel_sets.h"
#include "recover/channels.h"
#include "recover/index.h"

namespace lowbit {
namespace {

using detail::index;

void require_weights(const Graph& graph) {
  for (const Graph::Node& node : graph.nodes)
    detail::with_weights(graph, node, [&](const auto& op, const detail::WeightLayout&) {
      if (op.weight.data.empty())
        refuse(fmt::format("channels can be scaled in fp32 graphs only; layer '{}' is quantized", node.name));
    });
}

/// Sets of values that share a group, numbered in the order of `values`.
std::vector<int> families_of(const ScaleGroups& groups, std::span<const ValueId> values, std::size_t count) {
  std::vector<int> parent(values.size()), owner(count, -1);
  std::iota(parent.begin(), parent.end(), 0);
  const auto find = [&](int v) {
    while (parent[index(v)] != v) v = parent[index(v)];
    return v;
  };
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::int64_t c = 0; c < groups.channels(values[i]); ++c) {
      const int g = groups.group(values[i], c);
      if (g < 0) continue;
      int& first = owner[index(g)];
      if (first < 0) first = static_cast<int>(i);
      const int a = find(first), b = find(static_cast<int>(i));
      parent[index(std::max(a, b))] = std::min(a, b);
    }
  std::vector<int> family(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) family[i] = find(static_cast<int>(i));
  return family;
}

bool has_group(const ScaleGroups& groups, ValueId value) {
  for (std::int64_t c = 0; c < groups.channels(value); ++c)
    if (groups.group(value, c) >= 0) return true;
  return false;
}

}  // namespace

std::int64_t ScaleGroups::channels(ValueId value) const {
  const std::size_t next = index(value) + 1;
  return static_cast<std::int64_t>((next < first_.size() ? first_[next] : groups_.size()) - first_[next - 1]);
}

int ScaleGroups::group(ValueId value, std::int64_t channel) const {
  return groups_[first_[index(value)] + index(channel)];
}

ScaleGroups::ScaleGroups(const Graph& graph) {
  require_weights(graph);
  detail::ChannelSets sets(graph);
  first_ = sets.first;
  groups_.assign(sets.set_of.size(), -1);
  fixed_by_.resize(graph.values.size());
  std::vector<int> group_of_set(sets.set_of.size(), -1);
  for (std::size_t v = 0; v < graph.values.size(); ++v)
    for (std::int64_t c = 0; c < sets.maps[v].channels; ++c) {
      const std::size_t channel = first_[v] + index(c), set = sets.set_of[channel];
      if (!sets.reasons[set].empty()) {
        fixed_by_[v] = sets.reasons[set];
        continue;
      }
      if (group_of_set[set] < 0) group_of_set[set] = static_cast<int>(count_++);
      groups_[channel] = group_of_set[set];
    }

  std::vector<ValueId> computed;
  for (const Graph::Node& node : graph.nodes) computed.push_back(node.output);
  const std::vector<int> family = families_of(*this, computed, count_);
  std::vector<int> number(computed.size(), -1);
  std::vector<bool> listed(count_, false);
  for (std::size_t i = 0; i < computed.size(); ++i) {
    if (!has_group(*this, computed[i])) continue;
    int& n = number[index(family[i])];
    if (n < 0) n = static_cast<int>(families_.size()), families_.emplace_back();
    Family& f = families_[index(n)];
    f.values.push_back(computed[i]);
    for (std::int64_t c = 0; c < channels(computed[i]); ++c) {
      const int g = group(computed[i], c);
      if (g < 0 || listed[index(g)]) continue;
      listed[index(g)] = true;
      f.groups.push_back(g);
    }
    if (ops::has_weights(graph.nodes[i].op)) f.writers.push_back(static_cast<int>(i));
    for (const int reader : graph.consumers(computed[i])) {
      const Graph::Node& node = graph.nodes[index(reader)];
      const bool multiplies = ops::has_weights(node.op) && node.inputs[0] == computed[i];
      if (multiplies && std::find(f.readers.begin(), f.readers.end(), reader) == f.readers.end())
        f.readers.push_back(reader);
    }
  }
}

}  // namespace lowbit
