// SPDX-License-Identifier: Apache-2.0
// The factors of ScaleGroups put into a graph.
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "core/refuse.h"
#include "lowbit/core/view.h"
#include "lowbit/recover/scale_groups.h"
#include "recover/channel_limits.h"
#include "recover/channel_maps.h"
#include "recover/channels.h"
#include "recover/element_sums.h"
#include "recover/scale_factors.h"

namespace lowbit {
namespace {

void check(const ScaleGroups& groups, std::span<const double> factors) {
  if (factors.size() != groups.count())
    refuse(fmt::format("{} factors were given for {} groups of channels", factors.size(), groups.count()));
  for (std::size_t g = 0; g < factors.size(); ++g)
    if (!(factors[g] > 0) || !std::isfinite(factors[g]))
      refuse(fmt::format("the factor of group {} is {}; factors are positive and finite", g, factors[g]));
}

void scale(float& x, double factor) {
  x = static_cast<float>(static_cast<double>(x) * factor);
}

struct Rescaling {
  const Graph& graph;
  const detail::Factors& factors;
  std::vector<detail::ChannelMap> maps;  ///< of the values of the graph

  bool scales(ValueId value) const {
    for (std::int64_t c = 0; c < map(value).channels; ++c)
      if (factors.of(value, c) != 1.0) return true;
    return false;
  }
  const detail::ChannelMap& map(ValueId value) const { return maps[static_cast<std::size_t>(value)]; }
  const Shape& shape(ValueId value) const { return graph.values[static_cast<std::size_t>(value)].shape; }
};

/// Operators without weights or shifts of their own stay as they are.
template <class Op>
void rescale(Op&, const Graph::Node&, const Rescaling&) {}

template <class Op>
void rescale_weights(Op& op, const detail::WeightLayout& w, const Graph::Node& node,
                     const detail::Factors& factors) {
  const ValueId in = node.inputs[0], out = node.output;
  for (std::int64_t r = 0; r < w.rows; ++r) {
    const double of_row = factors.of(out, r);
    for (std::int64_t c = 0; c < w.columns; ++c) {
      const double factor = factors.of(in, w.channel(r, c)) / of_row;
      for (std::int64_t t = 0; t < w.taps; ++t)
        scale(op.weight.data[w.at(r, c) + static_cast<std::size_t>(t)], factor);
    }
    if (!op.bias.empty()) scale(op.bias[static_cast<std::size_t>(r)], 1 / of_row);
  }
}

void rescale(ops::Conv2dOp& op, const Graph::Node& node, const Rescaling& r) {
  rescale_weights(op, detail::layout_of(op, r.shape(node.inputs[0])), node, r.factors);
}
void rescale(ops::LinearOp& op, const Graph::Node& node, const Rescaling& r) {
  rescale_weights(op, detail::layout_of(op, r.shape(node.inputs[0])), node, r.factors);
}

void rescale(ops::LayerNormOp& op, const Graph::Node& node, const Rescaling& r) {
  if (!r.scales(node.output)) return;
  const auto channels = static_cast<std::size_t>(r.map(node.output).channels);
  op.scale.resize(channels, 1.0f);
  op.shift.resize(channels, 0.0f);
  for (std::size_t c = 0; c < channels; ++c) {
    const double factor = 1 / r.factors.of(node.output, static_cast<std::int64_t>(c));
    scale(op.scale[c], factor);
    scale(op.shift[c], factor);
  }
}

void rescale(ops::ScaleShiftOp& op, const Graph::Node& node, const Rescaling& r) {
  const std::int64_t channels = r.map(node.output).channels;
  for (auto* numbers : {&op.scale, &op.shift})
    if (numbers->size() == 1) numbers->resize(static_cast<std::size_t>(channels), numbers->front());
  for (std::int64_t c = 0; c < channels; ++c) {
    const double out = r.factors.of(node.output, c);
    scale(op.scale[static_cast<std::size_t>(c)], r.factors.of(node.inputs[0], c) / out);
    scale(op.shift[static_cast<std::size_t>(c)], 1 / out);
  }
}

/// With as many of the only element along an axis as there are in `shape`, for all axes of channels.
Tensor repeated(const Tensor& constant, const Shape& shape, const detail::ChannelMap& map) {
  std::vector<std::int64_t> dims(constant.shape.dims().begin(), constant.shape.dims().end());
  for (const int axis : map.axes) dims[static_cast<std::size_t>(axis)] = shape[axis];
  Tensor result{Shape(dims)};
  if (result.shape == constant.shape) return constant;
  const auto strides = detail::contiguous_strides(constant.shape);
  const std::vector<std::int64_t> from = detail::element_sums(result.shape, [&](int axis, std::int64_t i) {
    return constant.shape[axis] == 1 ? 0 : i * strides[static_cast<std::size_t>(axis)];
  });
  for (std::size_t e = 0; e < from.size(); ++e)
    result.data[e] = constant.data[static_cast<std::size_t>(from[e])];
  return result;
}

// Sums, differences, min and max have the constants of their channels; a product keeps its own.
void rescale(ops::BinaryOp& op, const Graph::Node& node, const Rescaling& r) {
  using F = ops::BinaryFunction;
  if (op.constant.data.empty() || op.function == F::mul || op.function == F::div) return;
  if (!r.scales(node.output)) return;
  const detail::ChannelMap& map = r.map(node.output);
  op.constant = repeated(op.constant, r.shape(node.output), map);
  const std::vector<std::int64_t> channels = map.of_elements(op.constant.shape);
  for (std::size_t e = 0; e < channels.size(); ++e)
    scale(op.constant.data[e], 1 / r.factors.of(node.output, channels[e]));
}

}  // namespace

Graph rescaled(const Graph& graph, const ScaleGroups& groups, std::span<const double> factors) {
  check(groups, factors);
  Graph result = graph;
  const detail::Factors of{groups, factors};
  const Rescaling how{graph, of, detail::channel_maps(graph)};
  for (Graph::Node& node : result.nodes) std::visit([&](auto& op) { rescale(op, node, how); }, node.op);
  detail::limit_channels(result, graph, of);
  return result;
}

Model rescaled(const Model& fp32, const ScaleGroups& groups, std::span<const double> factors) {
  detail::ModelData data = fp32.data();
  data.graph = rescaled(fp32.graph(), groups, factors);
  for (std::size_t v = data.types.size(); v < data.graph.values.size(); ++v)
    data.types.push_back({data.graph.values[v].shape, DType::f32, {}});
  data.nodes.resize(data.graph.nodes.size());  // all alike: none is quantized
  return Model(std::move(data));
}

ChannelStats rescaled(ChannelStats stats, const ScaleGroups& groups, std::span<const double> factors) {
  check(groups, factors);
  const detail::Factors of{groups, factors};
  for (std::size_t v = 0; v < stats.values.size(); ++v) {
    ChannelStats::Value& value = stats.values[v];
    for (std::size_t c = 0; c < value.largest.size(); ++c) {
      const double factor = 1 / of.of(static_cast<ValueId>(v), static_cast<std::int64_t>(c));
      scale(value.largest[c], factor);
      value.mean[c] *= factor, value.squares[c] *= factor * factor, value.size[c] *= factor;
    }
  }
  return stats;
}

}  // namespace lowbit
