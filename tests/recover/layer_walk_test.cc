// SPDX-License-Identifier: Apache-2.0
// Going from layer to layer gives what a capture gives that runs everything up to the layer, and takes as
// many samples as may be.
#include "recover/layer_walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "capture_network.h"
#include "lowbit/recover/capture.h"

namespace lowbit {
namespace {

using detail::RecoveredLayer;
using detail::RecoverySamples;
using detail::TargetMoments;

Tensor whole_images(std::int64_t count) {
  testing::Random random(5);
  return testing::whole_numbers(random, {count, 4, 9, 8}, 4);
}

void expect_same(const TargetMoments& got, const TargetMoments& want) {
  ASSERT_EQ(got.groups, want.groups);
  for (std::size_t g = 0; g < want.second.size(); ++g) EXPECT_EQ(got.second[g], want.second[g]);
  EXPECT_EQ(got.target, want.target);
  EXPECT_EQ(got.input_mean, want.input_mean);
  EXPECT_EQ(got.target_mean, want.target_mean);
  EXPECT_EQ(got.target_squares, want.target_squares);
}

/// One that runs everything up to that layer.
TargetMoments captured(const Model& model, const Model& fp32, const std::string& layer,
                       const SampleSet& batch, std::int64_t positions) {
  Capturer capturer(model, {.layers = {layer},
                            .other = fp32,
                            .cross_moments = CrossMoments::targets,
                            .positions = positions,
                            .sampled_rows = 0});
  capturer.add(batch.views());
  return TargetMoments(capturer.finish().layers[0]);
}

/// Other codes than rounding gives, and biases.
RecoveredLayer changed(const Graph::Node& node) {
  Tensor weights = weight_matrix(node.op);
  for (std::size_t i = 0; i < weights.data.size(); i += 3) weights.data[i] += 0.75f;
  return {quantize(MatrixView(weights.data.data(), weights.shape[0], weights.shape[1]), Affine<4>{}),
          std::vector<float>(static_cast<std::size_t>(weights.shape[0]), 0.5f)};
}

class Walk : public ::testing::TestWithParam<const char*> {};

TEST_P(Walk, GivesTheMomentsOfCapturesThatRunEverythingBeforeALayer) {
  const Model fp32(testing::capture_graph());
  const Tensor images = whole_images(40);
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{images});
  const RecoverySamples samples(fp32, &table, {.samples = 25, .products = 0, .positions = 20});
  std::map<int, RecoveredLayer> become;
  const auto so_far = [&] {
    return quantize(fp32, table, {.scheme = GetParam(), .weights = [&](const LayerContext& layer) {
                                    const auto at = become.find(layer.node);
                                    if (at == become.end()) return LayerWeights{};
                                    return LayerWeights{.codes = at->second.codes, .bias = at->second.bias};
                                  }});
  };
  for (const int threads : {1, 3}) {
    become.clear();
    detail::LayerWalk walk(so_far(), fp32, samples, threads);
    int layers = 0;
    for (std::size_t i = 0; i < fp32.graph().nodes.size(); ++i) {
      const Graph::Node& node = fp32.graph().nodes[i];
      if (!ops::has_weights(node.op)) continue;
      if (node.name == "depthwise") continue;  // a layer that stays as it is
      SCOPED_TRACE(node.name);
      const detail::LayerWalk::Moments moments = walk.moments(node.name);
      const Model model = so_far();
      expect_same(moments.learned, captured(model, fp32, node.name, samples.learned, samples.positions));
      expect_same(moments.held_out, captured(model, fp32, node.name, samples.held_out, samples.positions));
      const auto at = become.emplace(static_cast<int>(i), changed(node)).first;
      walk.change(at->second);
      ++layers;
    }
    EXPECT_EQ(layers, 3);
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, Walk, ::testing::Values("int4", "int4-wo", "int8-a4", "int4-dynamic"),
                         [](const auto& scheme) {
                           std::string name = scheme.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(RecoverySamples, AreFewerWhereTheyCostTooMuchWithMoreRowsOfEach) {
  const Model fp32(testing::capture_graph());
  const Tensor images = whole_images(90);
  const RecoverOptions all{.samples = 80, .products = 0, .positions = 10, .data = images};
  const auto taken = [&](RecoverOptions how) {
    const RecoverySamples samples(fp32, nullptr, how);
    return std::pair(samples.count(), samples.positions);
  };
  EXPECT_EQ(taken(all), std::pair(std::int64_t{80}, std::int64_t{10}));
  RecoverOptions how = all;
  how.most_products = 40.5 * detail::products_of(fp32.graph());
  EXPECT_EQ(taken(how), std::pair(std::int64_t{40}, std::int64_t{20}));
  how = all;
  how.most_products = 1;
  EXPECT_EQ(taken(how), std::pair(std::int64_t{32}, std::int64_t{20})) << "as few as that at any cost";
  how = all;
  how.kept_bytes = 0;
  EXPECT_EQ(taken(how).first, 32);
}

TEST(RecoverLayer, DescendsTheLessTheMoreLayersThereAre) {
  const RecoverOptions how{.descent_products = 1e9};
  EXPECT_EQ(detail::descent_products_of(how, 1), 1e9);
  EXPECT_EQ(detail::descent_products_of(how, 10), 1e9);
  EXPECT_EQ(detail::descent_products_of(how, 40), 0.25e9);
}

}  // namespace
}  // namespace lowbit
