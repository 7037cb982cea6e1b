// SPDX-License-Identifier: Apache-2.0
// Recovery of networks that are imported whole: of several inputs, some of integers, transformers and
// recurrent ones.
#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/model/serialize.h"
#include "recover/quick_recovery.h"
#include "recover/transformer_network.h"
#include "support/effort.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::quick;
using testing::Random;

/// Two inputs, one of integers; imported whole.
class RecoverTransformer : public ::testing::TestWithParam<bool> {
 protected:
  const Model fp32{testing::transformer_block({.post_norm = GetParam()})};
  const SampleSet seen = testing::sentences(fp32, 96, 1), unseen = testing::sentences(fp32, 64, 2);
  const CalibrationTable table = testing::calibrated(fp32, seen);
};

TEST_P(RecoverTransformer, LowersTheErrorOnSamplesThatItHasNotSeen) {
  for (const char* scheme : {"int4-g8-wo", "int3", "int4-g8-dynamic", "int8", "int8-dynamic"}) {
    if (testing::kSlowdown > 1 && std::string(scheme) != "int4-g8-dynamic") continue;
    SCOPED_TRACE(scheme);
    RecoveryReport report;
    RecoverOptions how = quick("wide,ranges,descent,bias");
    how.report = &report;
    const Model plain = quantize(fp32, table, {.scheme = scheme}),
                better = quantize(fp32, table, {.scheme = scheme, .recover = recover(how)});
    const double had = testing::sqnr_on(fp32, plain, unseen), has = testing::sqnr_on(fp32, better, unseen);
    EXPECT_GT(has, had + (Scheme(scheme).bits < 8 ? 1.0 : 0.0));
    EXPECT_EQ(report.failures(), std::vector<std::string>{});
    EXPECT_EQ(report.samples, 64);
    ASSERT_EQ(report.layers.size(), 8u);
    for (const RecoveryReport::Layer& layer : report.layers) {
      EXPECT_EQ(layer.steps.empty(), layer.name == "embedding") << layer.name;
      EXPECT_EQ(layer.note.empty(), layer.name != "embedding") << layer.name;
      EXPECT_GE(layer.sqnr_after, layer.sqnr_before) << layer.name;
    }
    EXPECT_EQ(save_to_bytes(load(save_to_bytes(better))), save_to_bytes(better));
  }
}

TEST_P(RecoverTransformer, GivesTheSameBytesWithAnyNumberOfThreadsAndFromArrays) {
  const auto bytes = [&](int threads, bool given) {
    RecoverOptions how = quick("equalize,smooth,awq,wide,ranges,readers,gptq,qronos,descent,bias");
    how.threads = threads;
    if (given) how.arrays = seen.views();
    return save_to_bytes(quantize(fp32, table, {.scheme = "int3-a4", .recover = recover(how)}));
  };
  const auto one = bytes(1, false);
  if (testing::kSlowdown == 1) {
    EXPECT_EQ(bytes(2, false), one);
  }
  EXPECT_EQ(bytes(3, true), one);
}

INSTANTIATE_TEST_SUITE_P(Norms, RecoverTransformer, ::testing::Bool(),
                         [](const auto& post) { return post.param ? "behind" : "before"; });

// What goes from step to step keeps the nearest codes, and is not taken for a layer by what scales channels.
TEST(RecoverRecurrent, RecoversTheLayersAround) {
  Random random(9);
  const auto linear = [&](std::int64_t in, std::int64_t out) {
    ops::LinearOp op;
    op.weight = Tensor(Shape{out, in});
    for (float& w : op.weight.data) w = random.gaussian() / std::sqrt(static_cast<float>(in));
    op.bias.assign(static_cast<std::size_t>(out), 0.1f);
    return op;
  };
  constexpr std::int64_t kSteps = 9, kIn = 10, kState = 8;
  Graph g;
  g.has_batch = false;
  g.inputs = {g.add_value("x", {kSteps, kIn}), g.add_value("h", {1, kState})};
  ops::RecurrentOp gru;
  gru.cell = ops::Cell::gru;
  gru.weight = linear(kState, 3 * kState).weight;
  const ValueId steps =
      g.add_node("steps", gru, {g.add_node("input", linear(kIn, 3 * kState), {g.inputs[0]}), g.inputs[1]});
  ops::LinearOp hidden = linear(kState, 12);
  hidden.activation.lo = 0.0f;
  g.outputs = {g.add_node("out", linear(12, 4), {g.add_node("hidden", hidden, {steps})})};
  const Model fp32(g);
  const auto set = [&](std::int64_t count, std::uint64_t seed) {
    Random r(seed);
    SampleSet samples(fp32);
    for (std::int64_t i = 0; i < count; ++i) {
      arrays::Array x({ElementType::f32, {kSteps, kIn}}), h({ElementType::f32, {1, kState}});
      const float level = r.gaussian();
      for (float& v : x.floats) v = level + 0.5f * r.gaussian();
      for (float& v : h.floats) v = r.uniform();
      samples.append(std::vector<arrays::ArrayView>{x.view(), h.view()}, 0);
    }
    return samples;
  };
  const SampleSet seen = set(80, 1), unseen = set(40, 2);
  const CalibrationTable table = testing::calibrated(fp32, seen);
  RecoveryReport report;
  RecoverOptions how = quick("equalize,smooth,awq,absorb,ranges,gptq,descent,bias");
  how.report = &report;
  const Model plain = quantize(fp32, table, {.scheme = "int4"}),
              better = quantize(fp32, table, {.scheme = "int4", .recover = recover(how)});
  EXPECT_GT(testing::sqnr_on(fp32, better, unseen), testing::sqnr_on(fp32, plain, unseen) + 1);
  EXPECT_EQ(report.failures(), std::vector<std::string>{});
  const auto codes = [](const Model& model) {
    for (std::size_t i = 0; i < model.graph().nodes.size(); ++i)
      if (model.graph().nodes[i].name == "steps") return model.weights(static_cast<int>(i))->codes;
    return decltype(QuantizedMatrix::codes){};
  };
  EXPECT_EQ(codes(better), codes(plain));
  ASSERT_EQ(report.layers.size(), 4u);
  EXPECT_EQ(report.layers[1].name, "steps");
  EXPECT_EQ(report.layers[1].note, "its inputs follow from its own codes: they stay the nearest");
}

}  // namespace
}  // namespace lowbit
