// SPDX-License-Identifier: Apache-2.0
// What tests of rewritten networks measure on models.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "lowbit/recover/scale_groups.h"
#include "recover/scaled_networks.h"

namespace lowbit::testing {

inline Tensor random_images(const Shape& one, std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  Tensor t(Shape{count, one[0], one[1], one[2]});
  for (float& x : t.data) x = random.gaussian();
  return t;
}

inline std::vector<float> outputs(const Model& model, const Tensor& images) {
  std::vector<float> all;
  Workspace workspace(model, {.batch = images.shape[0]});
  std::vector<Tensor> results;
  for (std::size_t o = 0; o < model.output_count(); ++o) {
    std::vector<std::int64_t> dims{images.shape[0]};
    dims.insert(dims.end(), model.output_shape(o).dims().begin(), model.output_shape(o).dims().end());
    results.emplace_back(Shape(dims));
  }
  std::vector<MutableTensorView> views(results.begin(), results.end());
  const TensorView in = images;
  run(model, {&in, 1}, views, workspace);
  for (const Tensor& r : results) all.insert(all.end(), r.data.begin(), r.data.end());
  return all;
}

inline double sqnr(const std::vector<float>& want, const std::vector<float>& got) {
  return -20 * std::log10(relative_error(std::vector<double>(want.begin(), want.end()),
                                         std::vector<double>(got.begin(), got.end())));
}

/// Channels of a good network made large and small, as training leaves them.
inline Model spoilt(const Model& model, std::uint64_t seed, double octaves) {
  const ScaleGroups groups(model.graph());
  Random random(seed);
  std::vector<double> factors;
  for (std::size_t g = 0; g < groups.count(); ++g)
    factors.push_back(std::exp2(octaves * double{random.uniform()}));
  return rescaled(model, groups, factors);
}

/// With another activation wherever there is one.
inline Model clamped(const Model& model, const ops::Activation& activation) {
  Graph graph = model.graph();
  for (Graph::Node& node : graph.nodes)
    if (auto* op = std::get_if<ops::Conv2dOp>(&node.op); op && !op->activation.is_identity())
      op->activation = activation;
  return Model(graph);
}

}  // namespace lowbit::testing
