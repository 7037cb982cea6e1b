// SPDX-License-Identifier: Apache-2.0
#include "compress/remove_channels.h"

#include <algorithm>

#include "recover/index.h"

namespace lowbit::detail {
namespace {

using Kept = std::vector<std::int64_t>;

/// The slices of `tensor` along `axis` that stay.
void select(Tensor& tensor, int axis, const Kept& kept) {
  const std::int64_t size = tensor.shape[axis];
  if (static_cast<std::int64_t>(kept.size()) == size) return;
  std::vector<std::int64_t> dims(tensor.shape.dims().begin(), tensor.shape.dims().end());
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < tensor.shape.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : dims[index(i)];
  dims[index(axis)] = static_cast<std::int64_t>(kept.size());
  Tensor selected(Shape{std::span<const std::int64_t>(dims)});
  auto to = selected.data.begin();
  for (std::int64_t o = 0; o < outer; ++o)
    for (const std::int64_t k : kept) {
      const auto from = tensor.data.begin() + static_cast<std::ptrdiff_t>((o * size + k) * inner);
      to = std::copy(from, from + static_cast<std::ptrdiff_t>(inner), to);
    }
  tensor = std::move(selected);
}

/// Of a vector with an element for each channel, or one for all, or none.
void select(std::vector<float>& values, const Kept& kept) {
  if (values.size() <= 1 || values.size() == kept.size()) return;
  std::vector<float> selected;
  for (const std::int64_t k : kept) selected.push_back(values[index(k)]);
  values = std::move(selected);
}

class Remover {
 public:
  Remover(const Graph& graph, const ChannelGroups& groups, const std::vector<bool>& gone)
      : axis_(groups.axis) {
    for (std::size_t v = 0; v < graph.values.size(); ++v)
      kept_.push_back(kept_channels(groups, graph, static_cast<ValueId>(v), gone));
  }

  void edit(Graph& graph) {
    for (Graph::Node& node : graph.nodes)
      std::visit([&](auto& op) { cut(op, node, graph.values[index(node.inputs[0])].shape); }, node.op);
    infer_shapes(graph);
  }

 private:
  const Kept& kept(ValueId value) const { return kept_[index(value)]; }

  void cut(ops::Conv2dOp& op, const Graph::Node& node, const Shape&) {
    select(op.weight, 0, kept(node.output));
    select(op.bias, kept(node.output));
    if (op.groups == 1)
      select(op.weight, 1, kept(node.inputs[0]));
    else if (is_depthwise(op))
      op.groups = static_cast<std::int64_t>(kept(node.inputs[0]).size());
  }
  void cut(ops::LinearOp& op, const Graph::Node& node, const Shape& in) {
    select(op.weight, 0, kept(node.output));
    select(op.bias, kept(node.output));
    if (!op.flattens_input) return select(op.weight, 1, kept(node.inputs[0]));
    Kept columns;
    for (std::int64_t pixel = 0; pixel < in[1] * in[2]; ++pixel)
      for (const std::int64_t c : kept(node.inputs[0])) columns.push_back(pixel * in[0] + c);
    select(op.weight, 1, columns);
  }
  void cut(ops::ScaleShiftOp& op, const Graph::Node& node, const Shape&) {
    select(op.scale, kept(node.output));
    select(op.shift, kept(node.output));
  }
  void cut(ops::BinaryOp& op, const Graph::Node& node, const Shape&) {
    const int axis = axis_[index(node.output)];
    if (!op.constant.data.empty() && axis >= 0 && op.constant.shape[axis] > 1)
      select(op.constant, axis, kept(node.output));
  }
  void cut(ops::ReshapeOp& op, const Graph::Node& node, const Shape&) {
    if (!op.shape.empty())
      op.shape[index(axis_[index(node.output)])] = static_cast<std::int64_t>(kept(node.output).size());
  }
  void cut(ops::SliceOp& op, const Graph::Node& node, const Shape&) {
    const std::size_t a = index(axis_[index(node.output)]);
    if (op.steps[a] != 1) return;
    const Kept& in = kept(node.inputs[0]);
    op.starts[a] = std::lower_bound(in.begin(), in.end(), op.starts[a]) - in.begin();
    op.sizes[a] = static_cast<std::int64_t>(kept(node.output).size());
  }
  void cut(ops::PadOp& op, const Graph::Node& node, const Shape& shape) {
    const std::size_t a = index(axis_[index(node.output)]);
    const Kept &in = kept(node.inputs[0]), &out = kept(node.output);
    const auto below = [](const Kept& channels, std::int64_t end) {
      return static_cast<std::int64_t>(std::lower_bound(channels.begin(), channels.end(), end) -
                                       channels.begin());
    };
    const std::int64_t size = shape[axis_[index(node.inputs[0])]], before = op.before[a], after = op.after[a];
    // Channels that are added are those of the output, channels that are cropped those of the input.
    const std::int64_t lost = before < 0 ? below(in, -before) : 0;
    op.before[a] = before < 0 ? -lost : below(out, before);
    const auto left = static_cast<std::int64_t>(in.size()), made = static_cast<std::int64_t>(out.size());
    op.after[a] = after < 0 ? below(in, size + after) - left : made - below(out, before + size);
  }
  template <class Op>
  void cut(Op&, const Graph::Node&, const Shape&) {}

  std::vector<int> axis_;
  std::vector<Kept> kept_;
};

}  // namespace

std::vector<std::int64_t> kept_channels(const ChannelGroups& groups, const Graph& graph, ValueId value,
                                        const std::vector<bool>& gone) {
  const std::int64_t channels = channels_along(graph.values[index(value)].shape, groups.axis[index(value)]);
  std::vector<std::int64_t> kept;
  for (std::int64_t c = 0; c < channels; ++c)
    if (!gone[groups.group(value, c)]) kept.push_back(c);
  return kept;
}

Graph remove_channels(Graph graph, const ChannelGroups& groups, const std::vector<bool>& gone) {
  Remover(graph, groups, gone).edit(graph);
  return graph;
}

}  // namespace lowbit::detail
