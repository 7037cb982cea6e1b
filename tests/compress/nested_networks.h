// SPDX-License-Identifier: Apache-2.0
// A small network with samples, for tests of nested codes.
#pragma once

#include <vector>

#include "lowbit/compress/nested.h"
#include "lowbit/model/calibrate.h"
#include "support/gaussians.h"

namespace lowbit::testing {

/// Two convolutions (one of two groups), a pool, and a Linear without biases.
inline Graph nested_network() {
  Graph graph;
  const ValueId x = graph.add_value("input", Shape{4, 6, 6});
  graph.inputs = {x};
  ops::Conv2dOp first{
      Tensor(Shape{8, 4, 3, 3}, gaussians(288, 0.2f, 1)), gaussians(8, 0.1f, 2), {}, 1, {0.0f, 6.0f}};
  first.window.kernel = {3, 3};
  first.window.pad = {1, 1, 1, 1};
  ops::Conv2dOp second = first;
  second.weight = Tensor(Shape{8, 4, 3, 3}, gaussians(288, 0.2f, 3));
  second.groups = 2;
  const ValueId a = graph.add_node("conv1", first, {x});
  const ValueId b = graph.add_node("conv2", second, {a});
  const ValueId pooled = graph.add_node("pool", ops::GlobalAveragePoolOp{}, {b});
  const ValueId flat = graph.add_node("flat", ops::FlattenOp{}, {pooled});
  graph.outputs = {
      graph.add_node("head", ops::LinearOp{Tensor(Shape{5, 8}, gaussians(40, 0.4f, 4)), {}, {}}, {flat})};
  return graph;
}

inline Tensor nested_batch(std::int64_t count, std::uint64_t seed = 7) {
  return Tensor(Shape{count, 4, 6, 6}, gaussians(static_cast<std::size_t>(count * 144), 1.0f, seed));
}

struct NestedNetwork {
  Model fp32{nested_network()};
  Tensor samples = nested_batch(40);
  CalibrationTable table =
      calibrate(fp32, std::vector<TensorView>{TensorView(samples.data.data(), samples.shape)});

  NestedModel nested(int threads = 1) const {
    NestedOptions options;
    options.recover.data = TensorView(samples.data.data(), samples.shape);
    options.recover.threads = threads;
    return make_nested(fp32, table, options);
  }
};

inline std::vector<float> outputs_of(const Model& model) {
  const Tensor in = nested_batch(6, 11);
  std::vector<float> out(static_cast<std::size_t>(6 * model.output_shape().elements()));
  Workspace workspace(model, {.batch = 6});
  run(model, TensorView(in.data.data(), in.shape),
      MutableTensorView(out.data(), Shape{6, model.output_shape().elements()}), workspace);
  return out;
}

}  // namespace lowbit::testing
