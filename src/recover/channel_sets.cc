// SPDX-License-Identifier: Apache-2.0
#include "recover/channel_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "lowbit/core/view.h"
#include "recover/channel_maps.h"
#include "recover/element_sums.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

/// Sets of channels that share a factor, joined operator by operator. A set that keeps the factor 1 has a
/// reason.
class Joiner {
 public:
  explicit Joiner(const Graph& graph, const std::vector<ChannelMap>& maps) : graph_(graph), maps_(maps) {
    for (const ChannelMap& map : maps) {
      first_.push_back(parent_.size());
      parent_.resize(parent_.size() + index(map.channels));
    }
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    reasons_.resize(parent_.size());
    for (const ValueId id : graph.inputs) fix(id, "it is an input of the network");
    for (const ValueId id : graph.outputs) fix(id, "the network returns it");
    for (const Graph::Node& node : graph.nodes) std::visit([&](const auto& op) { join(op, node); }, node.op);
    for (const Graph::Node* node : products_) join_product(*node);
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

  std::int64_t channels_of(ValueId value) const { return maps_[index(value)].channels; }
  std::vector<std::int64_t> elements_of(ValueId value) const {
    return maps_[index(value)].of_elements(shape(value));
  }

  void fix(ValueId value, const std::string& reason) {
    for (std::int64_t c = 0; c < channels_of(value); ++c) {
      std::string& said = reasons_[find(first(value) + index(c))];
      if (said.empty()) said = reason;
    }
  }
  /// Whether no channel has a factor, as far as is known.
  bool is_fixed(ValueId value) {
    for (std::int64_t c = 0; c < channels_of(value); ++c)
      if (reasons_[find(first(value) + index(c))].empty()) return false;
    return true;
  }

  /// The lower one stays the name of both, so that sets are in the order of channels.
  void unite(ValueId a, std::int64_t channel_a, ValueId b, std::int64_t channel_b) {
    std::size_t low = find(first(a) + index(channel_a)), high = find(first(b) + index(channel_b));
    if (low == high) return;
    if (high < low) std::swap(low, high);
    parent_[high] = low;
    if (reasons_[low].empty()) reasons_[low] = reasons_[high];
  }

  /// Values of which each element is made from that of the other in the same place.
  void unite(ValueId a, ValueId b) {
    if (!(maps_[index(a)] == maps_[index(b)])) return unite_elements(a, b);
    for (std::int64_t c = 0; c < channels_of(a); ++c) unite(a, c, b, c);
  }
  void unite_elements(ValueId a, ValueId b) {
    const std::vector<std::int64_t> of_a = elements_of(a), of_b = elements_of(b);
    for (std::size_t e = 0; e < of_a.size(); ++e) unite(a, of_a[e], b, of_b[e]);
  }

  /// Each element of an output that is not kNowhere in `from` with that element of the input.
  void unite_moved(ValueId in, ValueId out, const std::vector<std::int64_t>& from) {
    const std::vector<std::int64_t> of_in = elements_of(in), of_out = elements_of(out);
    for (std::size_t e = 0; e < of_out.size(); ++e)
      if (from[e] >= 0) unite(in, of_in[index(from[e])], out, of_out[e]);
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
  void join(const ops::FlattenOp&, const Graph::Node& node) { unite_elements(node.inputs[0], node.output); }
  void join(const ops::ReshapeOp&, const Graph::Node& node) { unite_elements(node.inputs[0], node.output); }
  void join(const ops::TransposeOp& op, const Graph::Node& node) {
    const Shape &in = shape(node.inputs[0]), &out = shape(node.output);
    const auto strides = contiguous_strides(in);
    unite_moved(node.inputs[0], node.output, element_sums(out, [&](int axis, std::int64_t i) {
                  return i * strides[index(op.axes[index(axis)])];
                }));
  }
  void join(const ops::ConcatOp& op, const Graph::Node& node) {
    std::int64_t before = 0;
    for (const ValueId id : node.inputs) {
      const auto strides = contiguous_strides(shape(id));
      const std::int64_t size = shape(id)[static_cast<int>(op.axis)];
      unite_moved(id, node.output, element_sums(shape(node.output), [&](int axis, std::int64_t i) {
                    if (axis != op.axis) return i * strides[index(axis)];
                    return i < before || i >= before + size ? kNowhere : (i - before) * strides[index(axis)];
                  }));
      before += size;
    }
  }
  void join(const ops::SliceOp& op, const Graph::Node& node) {
    const auto strides = contiguous_strides(shape(node.inputs[0]));
    unite_moved(node.inputs[0], node.output, element_sums(shape(node.output), [&](int axis, std::int64_t i) {
                  const std::size_t a = index(axis);
                  return (op.starts[a] + i * op.steps[a]) * strides[a];
                }));
  }
  void join(const ops::PadOp& op, const Graph::Node& node) {
    const Shape& in = shape(node.inputs[0]);
    const auto strides = contiguous_strides(in);
    unite_moved(node.inputs[0], node.output, element_sums(shape(node.output), [&](int axis, std::int64_t i) {
                  const std::int64_t at = i - op.before[index(axis)];
                  return at < 0 || at >= in[axis] ? kNowhere : at * strides[index(axis)];
                }));
    if (op.value != 0.0f) fix(node.output, fmt::format("'{}' pads it with {}", node.name, op.value));
  }

  // Its scale and shift take factors of what it computes, not of what it normalizes.
  void join(const ops::LayerNormOp&, const Graph::Node& node) {
    const Shape& out = shape(node.output);
    fix(node.inputs[0], fmt::format("'{}' normalizes it", node.name));
    if (!(maps_[index(node.output)] == ChannelMap(out, {out.rank() - 1})))
      fix(node.output, fmt::format("'{}' normalizes along another axis", node.name));
  }

  // Rows of values are averaged, each feature by itself.
  void join(const ops::AttentionOp& op, const Graph::Node& node) {
    const std::string reason = fmt::format("'{}' compares it", node.name);
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (i != 2) fix(node.inputs[i], reason);
    const ValueId in = node.inputs[2], out = node.output;
    const Shape &from = shape(in), &to = shape(out);
    const int in_head = op.values_by_head ? 1 : 2, out_head = op.result_by_head ? 1 : 2;
    const auto channel = [&](ValueId value, int head_axis, std::int64_t b, std::int64_t h, std::int64_t row,
                             std::int64_t d) {
      const auto& weight = maps_[index(value)].weight;
      return b * weight[0] + h * weight[index(head_axis)] + row * weight[index(3 - head_axis)] +
             d * weight[3];
    };
    const std::int64_t repeats = to[out_head] / from[in_head];
    for (std::int64_t b = 0; b < to[0]; ++b)
      for (std::int64_t h = 0; h < to[out_head]; ++h)
        for (std::int64_t d = 0; d < to[3]; ++d) {
          const std::int64_t first_in = channel(in, in_head, b, h / repeats, 0, d);
          for (std::int64_t row = 0; row < from[3 - in_head]; ++row)
            unite(in, channel(in, in_head, b, h / repeats, row, d), in, first_in);
          for (std::int64_t row = 0; row < to[3 - out_head]; ++row)
            unite(out, channel(out, out_head, b, h, row, d), in, first_in);
        }
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
    if (op.function == F::mul && a_is_whole && b_is_whole) {
      products_.push_back(&node);
    } else if (!multiplies && a_is_whole && b_is_whole) {
      unite(a, node.output), unite(b, node.output);
    } else if (multiplies && a_is_whole && (!b_is_whole || op.function == F::div)) {
      fix(b, multiplier_stays(node)), unite(a, node.output);
    } else if (op.function == F::mul && b_is_whole && !a_is_whole) {
      fix(a, multiplier_stays(node)), unite(b, node.output);
    } else {
      fix_all(op, node);
    }
  }

  // One of the two lets factors through, while the other has none: one that has none already.
  void join_product(const Graph::Node& node) {
    ValueId multiplier = node.inputs[1], through = node.inputs[0];
    if (is_fixed(through) && !is_fixed(multiplier)) std::swap(multiplier, through);
    fix(multiplier, multiplier_stays(node));
    unite(through, node.output);
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
  const std::vector<ChannelMap>& maps_;
  std::vector<std::size_t> first_, parent_;
  std::vector<std::string> reasons_;
  std::vector<const Graph::Node*> products_{};  ///< of two values of the same shape
};

}  // namespace

ChannelSets::ChannelSets(const Graph& graph) : maps(channel_maps(graph)) {
  Joiner joiner(graph, maps);
  for (std::size_t v = 0; v < graph.values.size(); ++v)
    first.push_back(joiner.first(static_cast<ValueId>(v)));
  for (std::size_t c = 0; c < joiner.channels(); ++c) {
    set_of.push_back(joiner.find(c));
    reasons.push_back(joiner.reason(c));
  }
}

}  // namespace lowbit::detail
