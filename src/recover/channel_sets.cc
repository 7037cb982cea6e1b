#include "recover/channel_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "recover/channels.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

/// Sets of channels that share a factor, joined operator by operator. A set that keeps the factor 1 has a
/// reason.
class Joiner {
 public:
  explicit Joiner(const Graph& graph) : graph_(graph) {
    for (const Graph::Value& value : graph.values) {
      first_.push_back(parent_.size());
      parent_.resize(parent_.size() + index(channels_of(value.shape)));
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
    for (std::int64_t c = 0; c < channels_of(shape(value)); ++c) {
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
    for (std::int64_t c = 0; c < channels_of(shape(a)); ++c) unite(a, c, b, c);
  }

  // Channels in and out have factors of their own where weights stand between.
  void join(const ops::Conv2dOp&, const Graph::Node& node) {
    if (node.inputs.size() > 1) unite(node.inputs[1], node.output);
  }
  void join(const ops::LinearOp&, const Graph::Node&) {}
  void join(const ops::ScaleShiftOp&, const Graph::Node&) {}

  // Bounds of activations become those of channels where it takes that (channel_limits.h).
  void join(const ops::AddOp&, const Graph::Node& node) {
    for (const ValueId id : node.inputs) unite(id, node.output);
  }
  void join(const ops::ClampOp&, const Graph::Node& node) { unite(node.inputs[0], node.output); }
  void join(const ops::MaxPoolOp&, const Graph::Node& node) { unite(node.inputs[0], node.output); }
  void join(const ops::AveragePoolOp&, const Graph::Node& node) { unite(node.inputs[0], node.output); }
  void join(const ops::GlobalAveragePoolOp&, const Graph::Node& node) { unite(node.inputs[0], node.output); }
  void join(const ops::FlattenOp&, const Graph::Node& node) { join_elements(node); }
  void join(const ops::ReshapeOp&, const Graph::Node& node) { join_elements(node); }

  void join_elements(const Graph::Node& node) {
    const Shape &in = shape(node.inputs[0]), &out = shape(node.output);
    for (std::int64_t e = 0; e < out.elements(); ++e)
      unite(node.inputs[0], channel_of(in, e), node.output, channel_of(out, e));
  }

  static std::int64_t channel_axis(const Shape& s) { return s.rank() == 3 ? 0 : s.rank() - 1; }

  void join(const ops::ConcatOp& op, const Graph::Node& node) {
    std::int64_t before = 0;
    for (const ValueId id : node.inputs) {
      const std::int64_t channels = channels_of(shape(id));
      for (std::int64_t c = 0; c < channels; ++c) unite(id, c, node.output, before + c);
      if (op.axis == channel_axis(shape(id))) before += channels;
    }
  }
  void join(const ops::SliceOp& op, const Graph::Node& node) {
    const std::size_t axis = index(channel_axis(shape(node.output)));
    for (std::int64_t c = 0; c < channels_of(shape(node.output)); ++c)
      unite(node.inputs[0], op.starts[axis] + c * op.steps[axis], node.output, c);
  }
  void join(const ops::PadOp& op, const Graph::Node& node) {
    const std::int64_t before = op.before[index(channel_axis(shape(node.output)))];
    const std::int64_t channels = channels_of(shape(node.inputs[0]));
    for (std::int64_t c = 0; c < channels_of(shape(node.output)); ++c)
      if (c >= before && c - before < channels) unite(node.inputs[0], c - before, node.output, c);
    if (op.value != 0.0f) fix(node.output, fmt::format("'{}' pads it with {}", node.name, op.value));
  }

  // f(s x) = s f(x) for s > 0, whatever scalar follows; a shift would have to be another one in each channel.
  void join(const ops::FunctionOp& op, const Graph::Node& node) {
    const bool homogeneous = op.function == ops::Function::abs || op.function == ops::Function::leaky_relu;
    if (homogeneous && op.shift_after == 0.0f)
      unite(node.inputs[0], node.output);
    else
      fix_all(op, node);
  }

  void join(const ops::ArrayOp& op, const Graph::Node& node) {
    if (op.function == "PRelu" && node.inputs.size() == 1 && op.sources[0] == ops::ArrayOp::kValue &&
        shape(node.inputs[0]) == shape(node.output))
      unite(node.inputs[0], node.output);
    else
      fix_all(op, node);
  }

  void join(const ops::BinaryOp& op, const Graph::Node& node) {
    using F = ops::BinaryFunction;
    const bool multiplies = op.function == F::mul || op.function == F::div;
    const ValueId a = node.inputs[0];
    if (!op.constant.data.empty()) {
      const bool inverts = op.function == F::div && op.constant_first;
      return inverts || !(shape(a) == shape(node.output)) ? fix_all(op, node) : unite(a, node.output);
    }
    const ValueId b = node.inputs[1];
    const bool a_is_whole = shape(a) == shape(node.output), b_is_whole = shape(b) == shape(node.output);
    if (!multiplies && a_is_whole && b_is_whole) {
      unite(a, node.output), unite(b, node.output);
    } else if (multiplies && a_is_whole && (!b_is_whole || op.function == F::div)) {
      fix(b, multiplier_stays(node)), unite(a, node.output);
    } else if (op.function == F::mul && b_is_whole && !a_is_whole) {
      fix(a, multiplier_stays(node)), unite(b, node.output);
    } else {
      fix_all(op, node);
    }
  }

  static std::string multiplier_stays(const Graph::Node& node) {
    return fmt::format("'{}' multiplies by it", node.name);
  }

  /// Whatever else there is.
  template <class Op>
  void join(const Op& op, const Graph::Node& node) {
    fix_all(op, node);
  }

  template <class Op>
  void fix_all(const Op&, const Graph::Node& node) {
    const std::string reason = fmt::format("'{}' ({}) lets no factor through", node.name, Op::kName);
    for (const ValueId id : node.inputs) fix(id, reason);
    fix(node.output, reason);
  }

  const Graph& graph_;
  std::vector<std::size_t> first_, parent_;
  std::vector<std::string> reasons_;
};

}  // namespace

ChannelSets::ChannelSets(const Graph& graph) {
  Joiner joiner(graph);
  for (std::size_t v = 0; v < graph.values.size(); ++v)
    first.push_back(joiner.first(static_cast<ValueId>(v)));
  for (std::size_t c = 0; c < joiner.channels(); ++c) {
    set_of.push_back(joiner.find(c));
    reasons.push_back(joiner.reason(c));
  }
}

}  // namespace lowbit::detail
