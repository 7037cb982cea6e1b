#include "lowbit/recover/scale_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/refuse.h"
#include "recover/channels.h"
#include "recover/index.h"

namespace lowbit {
namespace {

using detail::index;

bool is_zero_or_infinite(float bound) {
  return bound == 0.0f || bound - bound != 0.0f;
}

/// Sets of channels that share a factor, joined operator by operator. A set that keeps the factor 1 has a
/// reason.
class Joiner {
 public:
  explicit Joiner(const Graph& graph) : graph_(graph) {
    for (const Graph::Value& value : graph.values) {
      first_.push_back(parent_.size());
      parent_.resize(parent_.size() + index(detail::channels_of(value.shape)));
    }
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    reasons_.resize(parent_.size());
    for (const ValueId id : graph.inputs) fix(id, "it is an input of the network");
    for (const ValueId id : graph.outputs) fix(id, "the network returns it");
    for (const Graph::Node& node : graph.nodes) std::visit([&](const auto& op) { join(op, node); }, node.op);
  }

  std::size_t first(ValueId value) const { return first_[index(value)]; }
  std::size_t find(std::size_t channel) {
    while (parent_[channel] != channel) channel = parent_[channel] = parent_[parent_[channel]];
    return channel;
  }
  const std::string& reason(std::size_t set) const { return reasons_[set]; }
  std::size_t channels() const { return parent_.size(); }

 private:
  const Shape& shape(ValueId value) const { return graph_.values[index(value)].shape; }

  void fix(ValueId value, const std::string& reason) {
    for (std::int64_t c = 0; c < detail::channels_of(shape(value)); ++c) {
      std::string& said = reasons_[find(first(value) + index(c))];
      if (said.empty()) said = reason;
    }
  }

  /// The lower one stays the name of both, so that sets are in the order of channels.
  void unite(ValueId a, std::int64_t channel_a, ValueId b, std::int64_t channel_b) {
    std::size_t low = find(first(a) + index(channel_a)), high = find(first(b) + index(channel_b));
    if (low == high) return;
    if (high < low) std::swap(low, high);
    parent_[high] = low;
    if (reasons_[low].empty()) reasons_[low] = reasons_[high];
  }

  void unite(ValueId a, ValueId b) {
    for (std::int64_t c = 0; c < detail::channels_of(shape(a)); ++c) unite(a, c, b, c);
  }

  /// Bounds other than 0 would have to be other ones in each channel, which operators do not have.
  void check(const ops::Activation& a, const Graph::Node& node) {
    if (!is_zero_or_infinite(a.lo) || !is_zero_or_infinite(a.hi))
      fix(node.output, fmt::format("'{}' limits it to [{}, {}]", node.name, a.lo, a.hi));
  }

  // Channels in and out have factors of their own where weights stand between.
  void join(const ops::Conv2dOp& op, const Graph::Node& node) {
    if (node.inputs.size() > 1) unite(node.inputs[1], node.output);
    check(op.activation, node);
  }
  void join(const ops::LinearOp& op, const Graph::Node& node) { check(op.activation, node); }
  void join(const ops::ScaleShiftOp& op, const Graph::Node& node) { check(op.activation, node); }

  void join(const ops::AddOp& op, const Graph::Node& node) {
    for (const ValueId id : node.inputs) unite(id, node.output);
    check(op.activation, node);
  }
  void join(const ops::ClampOp& op, const Graph::Node& node) {
    unite(node.inputs[0], node.output);
    check(op.activation, node);
  }
  void join(const ops::MaxPoolOp&, const Graph::Node& node) { unite(node.inputs[0], node.output); }
  void join(const ops::AveragePoolOp&, const Graph::Node& node) { unite(node.inputs[0], node.output); }
  void join(const ops::GlobalAveragePoolOp&, const Graph::Node& node) { unite(node.inputs[0], node.output); }
  void join(const ops::FlattenOp&, const Graph::Node& node) { join_elements(node); }
  void join(const ops::ReshapeOp&, const Graph::Node& node) { join_elements(node); }

  void join_elements(const Graph::Node& node) {
    const Shape &in = shape(node.inputs[0]), &out = shape(node.output);
    for (std::int64_t e = 0; e < out.elements(); ++e)
      unite(node.inputs[0], detail::channel_of(in, e), node.output, detail::channel_of(out, e));
  }

  static std::int64_t channel_axis(const Shape& s) { return s.rank() == 3 ? 0 : s.rank() - 1; }

  void join(const ops::ConcatOp& op, const Graph::Node& node) {
    std::int64_t before = 0;
    for (const ValueId id : node.inputs) {
      const std::int64_t channels = detail::channels_of(shape(id));
      for (std::int64_t c = 0; c < channels; ++c) unite(id, c, node.output, before + c);
      if (op.axis == channel_axis(shape(id))) before += channels;
    }
  }
  void join(const ops::SliceOp& op, const Graph::Node& node) {
    const std::size_t axis = index(channel_axis(shape(node.output)));
    for (std::int64_t c = 0; c < detail::channels_of(shape(node.output)); ++c)
      unite(node.inputs[0], op.starts[axis] + c * op.steps[axis], node.output, c);
  }
  void join(const ops::PadOp& op, const Graph::Node& node) {
    const std::int64_t before = op.before[index(channel_axis(shape(node.output)))];
    const std::int64_t channels = detail::channels_of(shape(node.inputs[0]));
    for (std::int64_t c = 0; c < detail::channels_of(shape(node.output)); ++c)
      if (c >= before && c - before < channels) unite(node.inputs[0], c - before, node.output, c);
    if (op.value != 0.0f) fix(node.output, fmt::format("'{}' pads it with {}", node.name, op.value));
  }

  /// Whatever else there is.
  template <class Op>
  void join(const Op&, const Graph::Node& node) {
    const std::string reason = fmt::format("'{}' ({}) lets no factor through", node.name, Op::kName);
    for (const ValueId id : node.inputs) fix(id, reason);
    fix(node.output, reason);
  }

  const Graph& graph_;
  std::vector<std::size_t> first_, parent_;
  std::vector<std::string> reasons_;
};

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
  Joiner joiner(graph);
  groups_.assign(joiner.channels(), -1);
  fixed_by_.resize(graph.values.size());
  std::vector<int> group_of_set(joiner.channels(), -1);
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    first_.push_back(joiner.first(static_cast<ValueId>(v)));
    for (std::int64_t c = 0; c < detail::channels_of(graph.values[v].shape); ++c) {
      const std::size_t set = joiner.find(first_[v] + index(c));
      if (!joiner.reason(set).empty()) {
        fixed_by_[v] = joiner.reason(set);
        continue;
      }
      if (group_of_set[set] < 0) group_of_set[set] = static_cast<int>(count_++);
      groups_[first_[v] + index(c)] = group_of_set[set];
    }
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
