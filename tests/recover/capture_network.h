// SPDX-License-Identifier: Apache-2.0
// A network on which FP32 is exact: weights and samples are small whole numbers, so that what a capture
// should hold can be written down in double from the graph interpreter's values.
#pragma once

#include <vector>

#include "lowbit/lowbit.h"
#include "support/random.h"

namespace lowbit::testing {

inline Tensor whole_numbers(Random& random, const Shape& shape, int most) {
  Tensor t(shape);
  for (float& x : t.data) x = static_cast<float>(random.integer(-most, most));
  return t;
}

/// image 4x9x8 -> grouped (2 groups, strides, padding on some sides, dilation, ReLU) -> depthwise
/// -> mixed (with a residual) -> flattened into fc
inline Graph capture_graph() {
  Random random(11);
  const auto conv = [&](const Shape& weight, std::int64_t groups, const ops::Window& window) {
    ops::Conv2dOp op;
    op.weight = whole_numbers(random, weight, 2);
    op.bias.assign(static_cast<std::size_t>(weight[0]), 1.0f);
    op.groups = groups;
    op.window = window;
    return op;
  };
  Graph g;
  g.inputs = {g.add_value("image", {4, 9, 8})};
  ops::Conv2dOp grouped =
      conv({6, 2, 3, 2}, 2, {.kernel = {3, 2}, .stride = {2, 1}, .dilation = {1, 2}, .pad = {1, 0, 2, 1}});
  grouped.activation.lo = 0.0f;
  const ValueId a = g.add_node("grouped", grouped, g.inputs);
  const ValueId b = g.add_node(
      "depthwise",
      conv({6, 1, 3, 3}, 6, {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}}),
      {a});
  const ValueId c = g.add_node("mixed", conv({6, 6, 1, 1}, 1, {}), {b, a});
  const ValueId d = g.add_node("flatten", ops::FlattenOp{}, {c});
  ops::LinearOp fc;
  fc.weight = whole_numbers(random, {5, g.values[static_cast<std::size_t>(d)].shape.elements()}, 1);
  g.outputs = {g.add_node("fc", fc, {d})};
  fuse(g);
  infer_shapes(g);
  return g;
}

/// T x F through a Linear.
inline Graph sequence_graph() {
  Random random(12);
  Graph g;
  g.inputs = {g.add_value("steps", {7, 11})};
  ops::LinearOp op;
  op.weight = whole_numbers(random, {3, 11}, 3);
  g.outputs = {g.add_node("linear", op, g.inputs)};
  infer_shapes(g);
  return g;
}

inline Tensor capture_samples(const Graph& graph, std::int64_t count, std::uint64_t seed = 5) {
  Random random(seed);
  const Shape& one = graph.values[static_cast<std::size_t>(graph.inputs[0])].shape;
  std::vector<std::int64_t> dims{count};
  dims.insert(dims.end(), one.dims().begin(), one.dims().end());
  return whole_numbers(random, Shape(dims), 3);
}

/// Samples first, first + step, ... of a tensor.
inline Tensor pick(const Tensor& samples, std::int64_t first, std::int64_t step) {
  const auto size = static_cast<std::ptrdiff_t>(samples.shape.elements() / samples.shape[0]);
  std::vector<float> chosen;
  std::vector<std::int64_t> dims(samples.shape.dims().begin(), samples.shape.dims().end());
  dims[0] = 0;
  for (std::int64_t i = first; i < samples.shape[0]; i += step, ++dims[0])
    chosen.insert(chosen.end(), samples.data.begin() + i * size, samples.data.begin() + (i + 1) * size);
  return Tensor(Shape(dims), std::move(chosen));
}

}  // namespace lowbit::testing
