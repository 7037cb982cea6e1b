// SPDX-License-Identifier: Apache-2.0
#include "recover/channel_maps.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "recover/element_sums.h"
#include "recover/index.h"

namespace lowbit::detail {
namespace {

/// Axes of two shapes of the same elements that have as many of them, the fewest that do; of size 1 none.
struct Block {
  std::vector<int> in{}, out{};
};

std::vector<Block> blocks_of(const Shape& in, const Shape& out) {
  std::vector<Block> blocks;
  int i = 0, o = 0;
  const auto skip_ones = [](const Shape& s, int& axis) {
    while (axis < s.rank() && s[axis] == 1) ++axis;
    return axis < s.rank();
  };
  while (skip_ones(in, i) && skip_ones(out, o)) {
    Block block;
    std::int64_t of_in = in[i], of_out = out[o];
    block.in.push_back(i++), block.out.push_back(o++);
    while (of_in != of_out) {
      const bool takes_in = of_in < of_out;
      if (!(takes_in ? skip_ones(in, i) : skip_ones(out, o))) return {};
      if (takes_in)
        of_in *= in[i], block.in.push_back(i++);
      else
        of_out *= out[o], block.out.push_back(o++);
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

/// Where a Reshape leaves the channels; nothing where they are no axes any more.
std::optional<std::vector<int>> reshaped(const std::vector<int>& axes, const Shape& in, const Shape& out) {
  if (in.elements() == 0) return std::nullopt;
  const std::vector<Block> blocks = blocks_of(in, out);
  std::vector<int> along;
  for (std::size_t k = 0; k < axes.size();) {
    if (in[axes[k]] == 1) {
      ++k;
      continue;
    }
    const auto block =
        std::find_if(blocks.begin(), blocks.end(), [&](const Block& b) { return b.in.front() == axes[k]; });
    if (block == blocks.end() || k + block->in.size() > axes.size() ||
        !std::equal(block->in.begin(), block->in.end(), axes.begin() + static_cast<std::ptrdiff_t>(k)))
      return std::nullopt;
    along.insert(along.end(), block->out.begin(), block->out.end());
    k += block->in.size();
  }
  return along;
}

class Maps {
 public:
  explicit Maps(const Graph& graph) : graph_(graph) {
    for (const Graph::Value& value : graph.values) maps.emplace_back(value.shape);
    for (const Graph::Node& node : graph.nodes)
      std::visit([&](const auto& op) { maps[index(node.output)] = map_of(op, node); }, node.op);
    for (const Graph::Node& node : graph.nodes)
      std::visit([&](const auto& op) { demand(op, node); }, node.op);
  }

  std::vector<ChannelMap> maps{};

 private:
  const Shape& shape(ValueId value) const { return graph_.values[index(value)].shape; }

  /// Along the axes that they are along in input `i`.
  ChannelMap carried(const Graph::Node& node, std::size_t i = 0) const {
    return {shape(node.output), maps[index(node.inputs[i])].axes};
  }
  ChannelMap own(const Graph::Node& node) const { return ChannelMap(shape(node.output)); }

  ChannelMap map_of(const ops::LayerNormOp&, const Graph::Node& node) const {
    return {shape(node.output), {shape(node.output).rank() - 1}};
  }
  ChannelMap map_of(const ops::EmbeddingOp&, const Graph::Node& node) const {
    return {shape(node.output), {shape(node.output).rank() - 1}};
  }
  ChannelMap map_of(const ops::AttentionOp& op, const Graph::Node& node) const {
    return {shape(node.output), op.result_by_head ? std::vector<int>{1, 3} : std::vector<int>{2, 3}};
  }
  ChannelMap map_of(const ops::AddOp&, const Graph::Node& node) const { return carried(node); }
  ChannelMap map_of(const ops::ClampOp&, const Graph::Node& node) const { return carried(node); }
  ChannelMap map_of(const ops::FunctionOp&, const Graph::Node& node) const { return carried(node); }
  ChannelMap map_of(const ops::ConcatOp&, const Graph::Node& node) const { return carried(node); }
  ChannelMap map_of(const ops::SliceOp&, const Graph::Node& node) const { return carried(node); }
  ChannelMap map_of(const ops::PadOp&, const Graph::Node& node) const { return carried(node); }
  ChannelMap map_of(const ops::BinaryOp&, const Graph::Node& node) const {
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (shape(node.inputs[i]) == shape(node.output)) return carried(node, i);
    return own(node);
  }
  ChannelMap map_of(const ops::TransposeOp& op, const Graph::Node& node) const {
    std::vector<int> along;
    for (const int axis : maps[index(node.inputs[0])].axes)
      along.push_back(static_cast<int>(std::find(op.axes.begin(), op.axes.end(), axis) - op.axes.begin()));
    return {shape(node.output), std::move(along)};
  }
  ChannelMap map_of(const ops::ReshapeOp&, const Graph::Node& node) const { return reshape(node); }
  ChannelMap map_of(const ops::FlattenOp&, const Graph::Node& node) const { return reshape(node); }
  ChannelMap reshape(const Graph::Node& node) const {
    const ValueId in = node.inputs[0];
    auto along = reshaped(maps[index(in)].axes, shape(in), shape(node.output));
    return along ? ChannelMap(shape(node.output), std::move(*along)) : own(node);
  }
  template <class Op>
  ChannelMap map_of(const Op&, const Graph::Node& node) const {
    return own(node);
  }

  /// These take the channels of their layout.
  void demand(const ops::Conv2dOp&, const Graph::Node& node) { reset(node); }
  void demand(const ops::LinearOp&, const Graph::Node& node) { reset(node); }
  void demand(const ops::ScaleShiftOp&, const Graph::Node& node) { reset(node); }
  void demand(const ops::MaxPoolOp&, const Graph::Node& node) { reset(node); }
  void demand(const ops::AveragePoolOp&, const Graph::Node& node) { reset(node); }
  void demand(const ops::GlobalAveragePoolOp&, const Graph::Node& node) { reset(node); }
  template <class Op>
  void demand(const Op&, const Graph::Node&) {}
  void reset(const Graph::Node& node) {
    for (const ValueId id : node.inputs) maps[index(id)] = ChannelMap(shape(id));
  }

  const Graph& graph_;
};

}  // namespace

ChannelMap::ChannelMap(const Shape& shape)
    : ChannelMap(shape, shape.rank() == 0 ? std::vector<int>{}
                                          : std::vector<int>{shape.rank() == 3 ? 0 : shape.rank() - 1}) {}

ChannelMap::ChannelMap(const Shape& shape, std::vector<int> along) : axes(std::move(along)) {
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    weight[index(*axis)] = channels;
    channels *= shape[*axis];
  }
}

std::vector<std::int64_t> ChannelMap::of_elements(const Shape& shape) const {
  return element_sums(shape, [this](int axis, std::int64_t i) { return i * weight[index(axis)]; });
}

Tensor along_channels(const ChannelMap& map, const Shape& shape, const std::vector<float>& numbers) {
  std::vector<std::int64_t> dims(index(shape.rank()), 1);
  for (const int axis : map.axes) dims[index(axis)] = shape[axis];
  Tensor result{Shape(dims)};
  const std::vector<std::int64_t> channels = map.of_elements(result.shape);
  for (std::size_t e = 0; e < channels.size(); ++e) result.data[e] = numbers[index(channels[e])];
  return result;
}

std::vector<ChannelMap> channel_maps(const Graph& graph) {
  return Maps(graph).maps;
}

}  // namespace lowbit::detail
