// SPDX-License-Identifier: Apache-2.0
// A small network with convolutions, a residual and a classifier, and samples that it tells apart.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "lowbit/lowbit.h"
#include "support/random.h"

namespace lowbit::testing {

inline constexpr std::int64_t kSearchClasses = 5;

/// x (4 x 6 x 6) -> first -> second + residual -> third -> pool -> classifier
inline Model search_network() {
  Random random(3);
  const auto fill = [&](Tensor& weights, std::int64_t depth) {
    for (float& w : weights.data) w = random.gaussian() / std::sqrt(static_cast<float>(depth));
  };
  const auto conv = [&](std::int64_t out, std::int64_t in) {
    ops::Conv2dOp op;
    op.weight = Tensor(Shape{out, in, 3, 3});
    fill(op.weight, in * 9);
    op.bias.assign(static_cast<std::size_t>(out), 0.05f);
    op.window.kernel = {3, 3};
    op.window.pad = {1, 1, 1, 1};
    op.activation.lo = 0.0f;
    return op;
  };
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{4, 6, 6})};
  const ValueId first = graph.add_node("first", conv(16, 4), graph.inputs);
  const ValueId second = graph.add_node("second", conv(16, 16), {first});
  const ValueId sum = graph.add_node("sum", ops::AddOp{}, {second, first});
  const ValueId third = graph.add_node("third", conv(24, 16), {sum});
  const ValueId mean = graph.add_node("mean", ops::GlobalAveragePoolOp{}, {third});
  const ValueId flat = graph.add_node("flat", ops::FlattenOp{}, {mean});
  ops::LinearOp classifier;
  classifier.weight = Tensor(Shape{kSearchClasses, 24});
  fill(classifier.weight, 24);
  classifier.bias.assign(static_cast<std::size_t>(kSearchClasses), 0.0f);
  graph.outputs = {graph.add_node("classifier", classifier, {flat})};
  infer_shapes(graph);
  return Model(std::move(graph));
}

inline SampleSet search_samples(const Model& model, std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  Tensor batch(Shape{count, model.input_shape().elements()});
  for (float& x : batch.data) x = random.gaussian();
  SampleSet samples(model);
  for (std::int64_t i = 0; i < count; ++i) samples.append(TensorView(batch), i);
  return samples;
}

inline CalibrationTable search_ranges(const Model& model, const SampleSet& samples) {
  Calibrator calibrator(model);
  calibrator.add(samples.views());
  return calibrator.finish();
}

}  // namespace lowbit::testing
