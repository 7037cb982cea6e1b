// The factors of ScaleGroups put into a graph.
#include <fmt/format.h>

#include <cmath>

#include "core/refuse.h"
#include "lowbit/recover/scale_groups.h"
#include "recover/channel_limits.h"
#include "recover/channels.h"
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

/// Operators without weights or shifts of their own stay as they are.
template <class Op>
void rescale(Op&, const Graph::Node&, const Graph&, const detail::Factors&) {}

template <class Op>
requires requires(Op op) {
  op.weight;
  op.bias;
}
void rescale(Op& op, const Graph::Node& node, const Graph& graph, const detail::Factors& factors) {
  const ValueId in = node.inputs[0], out = node.output;
  const detail::WeightLayout w = detail::layout_of(op, graph.values[static_cast<std::size_t>(in)].shape);
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

/// With as many of the only element along an axis, which is the first or the last.
Tensor repeated(const Tensor& constant, int axis, std::int64_t times) {
  std::vector<std::int64_t> dims(constant.shape.dims().begin(), constant.shape.dims().end());
  dims[static_cast<std::size_t>(axis)] = times;
  Tensor result{Shape(dims)};
  const auto n = static_cast<std::size_t>(times);
  for (std::size_t e = 0; e < result.data.size(); ++e)
    result.data[e] = axis == 0 ? constant.data[e % constant.data.size()] : constant.data[e / n];
  return result;
}

void rescale(ops::ScaleShiftOp& op, const Graph::Node& node, const Graph& graph,
             const detail::Factors& factors) {
  const std::int64_t channels =
      detail::channels_of(graph.values[static_cast<std::size_t>(node.output)].shape);
  for (auto* numbers : {&op.scale, &op.shift})
    if (numbers->size() == 1) numbers->resize(static_cast<std::size_t>(channels), numbers->front());
  for (std::int64_t c = 0; c < channels; ++c) {
    const double out = factors.of(node.output, c);
    scale(op.scale[static_cast<std::size_t>(c)], factors.of(node.inputs[0], c) / out);
    scale(op.shift[static_cast<std::size_t>(c)], 1 / out);
  }
}

// Sums, differences, min and max have the constants of their channels; a product keeps its own.
void rescale(ops::BinaryOp& op, const Graph::Node& node, const Graph& graph, const detail::Factors& factors) {
  using F = ops::BinaryFunction;
  if (op.constant.data.empty() || op.function == F::mul || op.function == F::div) return;
  const Shape& out = graph.values[static_cast<std::size_t>(node.output)].shape;
  const std::int64_t channels = detail::channels_of(out);
  bool scales = false;
  for (std::int64_t c = 0; c < channels; ++c) scales = scales || factors.of(node.output, c) != 1.0;
  if (!scales) return;
  const int axis = out.rank() == 3 ? 0 : out.rank() - 1;
  if (op.constant.shape[axis] == 1) op.constant = repeated(op.constant, axis, channels);
  for (std::size_t e = 0; e < op.constant.data.size(); ++e)
    scale(op.constant.data[e],
          1 / factors.of(node.output, detail::channel_of(op.constant.shape, static_cast<std::int64_t>(e))));
}

}  // namespace

Graph rescaled(const Graph& graph, const ScaleGroups& groups, std::span<const double> factors) {
  check(groups, factors);
  Graph result = graph;
  const detail::Factors of{groups, factors};
  for (Graph::Node& node : result.nodes) std::visit([&](auto& op) { rescale(op, node, graph, of); }, node.op);
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
