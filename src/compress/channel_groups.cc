// SPDX-License-Identifier: Apache-2.0
#include "compress/channel_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "recover/index.h"

namespace lowbit::detail {
namespace {

/// Where the channels lie of a value that nothing says more about.
int usual_axis(const Shape& shape) {
  return shape.rank() == 3 ? 0 : shape.rank() - 1;
}

std::int64_t elements_before(const Shape& shape, int axis) {
  std::int64_t count = 1;
  for (int i = 0; i < axis; ++i) count *= shape[i];
  return count;
}

class GroupJoiner {
 public:
  explicit GroupJoiner(const Graph& graph) : graph_(graph), axis_(graph.values.size()) {
    for (const ValueId id : graph.inputs) axis_[index(id)] = usual_axis(shape(id));
    for (const Graph::Node& node : graph.nodes)
      axis_[index(node.output)] = std::visit([&](const auto& op) { return axis_of(op, node); }, node.op);
    for (std::size_t v = 0; v < graph.values.size(); ++v) {
      first_.push_back(parent_.size());
      parent_.resize(parent_.size() + index(size(static_cast<ValueId>(v))));
    }
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    reasons_.resize(parent_.size());
    for (const ValueId id : graph.inputs) fix(id, "it is an input of the network");
    for (const ValueId id : graph.outputs) fix(id, "the network returns it");
    for (const Graph::Node& node : graph.nodes) std::visit([&](const auto& op) { join(op, node); }, node.op);
  }

  void take(ChannelGroups& groups) {
    for (std::size_t p = 0; p < parent_.size(); ++p) groups.group_of.push_back(find(p));
    groups.axis = std::move(axis_);
    groups.first = std::move(first_);
    groups.reasons = std::move(reasons_);
  }

 private:
  const Shape& shape(ValueId value) const { return graph_.values[index(value)].shape; }
  int axis(ValueId value) const { return axis_[index(value)]; }
  std::int64_t size(ValueId value) const { return channels_along(shape(value), axis(value)); }

  std::size_t find(std::size_t place) {
    while (parent_[place] != place) place = parent_[place] = parent_[parent_[place]];
    return place;
  }
  void fix_place(std::size_t place, const std::string& reason) {
    std::string& said = reasons_[find(place)];
    if (said.empty()) said = reason;
  }
  void fix(ValueId value, const std::string& reason) {
    for (std::int64_t c = 0; c < size(value); ++c) fix_place(first_[index(value)] + index(c), reason);
  }
  /// The lower place stays the name of both.
  void unite(ValueId a, std::int64_t channel_a, ValueId b, std::int64_t channel_b) {
    std::size_t low = find(first_[index(a)] + index(channel_a)),
                high = find(first_[index(b)] + index(channel_b));
    if (low == high) return;
    if (high < low) std::swap(low, high);
    parent_[high] = low;
    if (reasons_[low].empty()) reasons_[low] = reasons_[high];
  }
  /// Channel with channel, along whatever axes.
  void unite_channels(ValueId a, ValueId b, const Graph::Node& node) {
    if (size(a) != size(b)) return fix_all(node);
    for (std::int64_t c = 0; c < size(a); ++c) unite(a, c, b, c);
  }
  /// Of values that have them along the same axis, or they stay.
  void unite(ValueId a, ValueId b, const Graph::Node& node) {
    if (axis(a) != axis(b)) return fix_all(node);
    unite_channels(a, b, node);
  }
  void fix_all(const Graph::Node& node) {
    const std::string reason = fmt::format("'{}' ({}) is not followed", node.name, ops::shown_name(node.op));
    for (const ValueId id : node.inputs) fix(id, reason);
    fix(node.output, reason);
  }

  // Axes of outputs, in the order of the graph.
  template <class Op>
  int axis_of(const Op&, const Graph::Node& node) const {
    return usual_axis(shape(node.output));
  }
  int inherited(const Graph::Node& node) const {
    const ValueId in = node.inputs[0];
    return shape(in).rank() == shape(node.output).rank() ? axis(in) : usual_axis(shape(node.output));
  }
  int axis_of(const ops::AddOp&, const Graph::Node& node) const { return inherited(node); }
  int axis_of(const ops::ClampOp&, const Graph::Node& node) const { return inherited(node); }
  int axis_of(const ops::FunctionOp&, const Graph::Node& node) const { return inherited(node); }
  int axis_of(const ops::BinaryOp&, const Graph::Node& node) const { return inherited(node); }
  int axis_of(const ops::ConcatOp&, const Graph::Node& node) const { return inherited(node); }
  int axis_of(const ops::PadOp&, const Graph::Node& node) const { return inherited(node); }
  int axis_of(const ops::SliceOp&, const Graph::Node& node) const { return inherited(node); }
  int axis_of(const ops::TransposeOp& op, const Graph::Node& node) const {
    const auto at = std::find(op.axes.begin(), op.axes.end(), axis(node.inputs[0]));
    return at == op.axes.end() ? usual_axis(shape(node.output)) : static_cast<int>(at - op.axes.begin());
  }
  int axis_of(const ops::ReduceOp& op, const Graph::Node& node) const {
    const int in = axis(node.inputs[0]);
    if (std::find(op.axes.begin(), op.axes.end(), in) != op.axes.end()) return usual_axis(shape(node.output));
    const auto before = std::count_if(op.axes.begin(), op.axes.end(), [&](std::int64_t a) { return a < in; });
    return op.keep_axes ? in : in - static_cast<int>(before);
  }
  /// The axis of as many channels with as many elements before it, if there is one.
  int axis_of(const ops::ReshapeOp&, const Graph::Node& node) const {
    const ValueId in = node.inputs[0];
    const Shape& out = shape(node.output);
    for (int i = 0; i < out.rank(); ++i)
      if (out[i] == size(in) && elements_before(out, i) == elements_before(shape(in), axis(in))) return i;
    return usual_axis(out);
  }

  // Channels come and go where weights stand between.
  void join(const ops::Conv2dOp& op, const Graph::Node& node) {
    const ValueId in = node.inputs[0];
    if (axis(in) != 0 || axis(node.output) != 0) return fix_all(node);
    if (is_depthwise(op)) {
      const std::int64_t repeats = size(node.output) / size(in);
      for (std::int64_t c = 0; c < size(node.output); ++c) unite(in, c / repeats, node.output, c);
    } else if (op.groups > 1) {
      const std::string reason = fmt::format("'{}' has {} groups", node.name, op.groups);
      fix(in, reason), fix(node.output, reason);
    }
    if (node.inputs.size() > 1) unite(node.inputs[1], node.output, node);
  }
  void join(const ops::LinearOp& op, const Graph::Node& node) {
    const ValueId in = node.inputs[0];
    const int wanted = op.flattens_input ? 0 : shape(in).rank() - 1;
    if (axis(in) != wanted) fix_all(node);
  }
  void join(const ops::ScaleShiftOp& op, const Graph::Node& node) {
    const bool has_one = op.scale.size() == 1 && op.shift.size() == 1;
    if (!has_one && axis(node.inputs[0]) != usual_axis(shape(node.output))) return fix_all(node);
    unite(node.inputs[0], node.output, node);
  }

  void join(const ops::AddOp&, const Graph::Node& node) {
    for (const ValueId id : node.inputs) unite(id, node.output, node);
  }
  void join(const ops::ClampOp&, const Graph::Node& node) { unite(node.inputs[0], node.output, node); }
  void join(const ops::FunctionOp&, const Graph::Node& node) { unite(node.inputs[0], node.output, node); }
  void join(const ops::TransposeOp&, const Graph::Node& node) {
    unite_channels(node.inputs[0], node.output, node);
  }
  void join(const ops::MaxPoolOp&, const Graph::Node& node) { unite(node.inputs[0], node.output, node); }
  void join(const ops::AveragePoolOp&, const Graph::Node& node) { unite(node.inputs[0], node.output, node); }
  void join(const ops::GlobalAveragePoolOp&, const Graph::Node& node) {
    unite(node.inputs[0], node.output, node);
  }
  void join(const ops::ReduceOp& op, const Graph::Node& node) {
    const ValueId in = node.inputs[0];
    if (std::find(op.axes.begin(), op.axes.end(), axis(in)) != op.axes.end()) return fix_all(node);
    unite_channels(in, node.output, node);
  }
  /// Places of the row are elements of the value.
  void join(const ops::FlattenOp&, const Graph::Node& node) {
    const ValueId in = node.inputs[0];
    const std::int64_t inner = shape(in).elements() / (elements_before(shape(in), axis(in)) * size(in));
    for (std::int64_t e = 0; e < size(node.output); ++e) unite(in, e / inner % size(in), node.output, e);
  }
  void join(const ops::ReshapeOp&, const Graph::Node& node) {
    const ValueId in = node.inputs[0], out = node.output;
    if (size(in) != size(out) ||
        elements_before(shape(in), axis(in)) != elements_before(shape(out), axis(out)))
      return fix_all(node);
    unite_channels(in, out, node);
  }
  void join(const ops::ConcatOp& op, const Graph::Node& node) {
    const bool along = op.axis == axis(node.output);
    std::int64_t before = 0;
    for (const ValueId id : node.inputs) {
      if (axis(id) != axis(node.output)) return fix_all(node);
      if (!along) {
        unite(id, node.output, node);
        continue;
      }
      for (std::int64_t c = 0; c < size(id); ++c) unite(id, c, node.output, before + c);
      before += size(id);
    }
  }
  /// What a Pad adds are channels that nothing computes; what a crop (a negative Pad) leaves out, those that
  /// nothing reads.
  void join(const ops::PadOp& op, const Graph::Node& node) {
    const std::int64_t before = op.before[index(axis(node.output))];
    for (std::int64_t c = 0; c < size(node.inputs[0]); ++c)
      if (c + before >= 0 && c + before < size(node.output))
        unite(node.inputs[0], c, node.output, c + before);
  }
  void join(const ops::SliceOp& op, const Graph::Node& node) {
    const std::size_t a = index(axis(node.output));
    if (op.steps[a] != 1) return fix_all(node);
    for (std::int64_t c = 0; c < size(node.output); ++c)
      unite(node.inputs[0], op.starts[a] + c, node.output, c);
  }
  /// Of one value and a constant, or of two, of which one may have a single element for all channels.
  void join(const ops::BinaryOp&, const Graph::Node& node) {
    for (const ValueId id : node.inputs) {
      if (shape(id).rank() != shape(node.output).rank() || axis(id) != axis(node.output))
        return fix_all(node);
      if (size(id) == size(node.output))
        unite(id, node.output, node);
      else if (node.inputs.size() == 1)
        return fix_all(node);
      else
        fix(id, fmt::format("'{}' takes it for all channels", node.name));
    }
  }
  template <class Op>
  void join(const Op&, const Graph::Node& node) {
    fix_all(node);
  }

  const Graph& graph_;
  std::vector<int> axis_;
  std::vector<std::size_t> first_, parent_;
  std::vector<std::string> reasons_;
};

}  // namespace

std::int64_t channels_along(const Shape& shape, int axis) {
  return axis >= 0 && shape.rank() > 0 ? shape[axis] : 1;
}

bool is_depthwise(const ops::Conv2dOp& op) {
  return op.groups > 1 && op.weight.shape[1] == 1;
}

ChannelGroups::ChannelGroups(const Graph& graph) {
  GroupJoiner(graph).take(*this);
}

}  // namespace lowbit::detail
