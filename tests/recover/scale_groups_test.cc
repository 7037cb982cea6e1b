// SPDX-License-Identifier: Apache-2.0
// Factors of channels against the graph interpreter: outputs stay, and values in between are divided by
// exactly the factors that were asked for.
#include "lowbit/recover/scale_groups.h"
#include "lowbit/recover/equalize.h"

#include <gtest/gtest.h>

#include "recover/scaled_models.h"
#include "recover/scaled_networks.h"
#include "recover/transformer_network.h"
#include "recover/twin_norms.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::kRelu;
using testing::kRelu6;
using testing::NetworkBuilder;
using testing::Random;
using testing::Sample;
using testing::says;

std::vector<double> random_factors(std::size_t n, Random& random) {
  std::vector<double> factors;
  for (std::size_t i = 0; i < n; ++i) factors.push_back(std::exp(2.5 * double{random.uniform()}));
  return factors;
}

/// What the factors make of one value of the original graph.
std::vector<double> divided(const Sample& value, ValueId id, const ScaleGroups& groups,
                            const std::vector<double>& factors) {
  std::vector<double> x = value.data;
  const std::int64_t channels = groups.channels(id), elements = value.shape.elements();
  for (std::int64_t e = 0; e < elements; ++e) {
    const std::int64_t c = value.shape.rank() == 3 ? e / (elements / channels) : e % channels;
    const int g = groups.group(id, c);
    if (g >= 0) x[static_cast<std::size_t>(e)] /= factors[static_cast<std::size_t>(g)];
  }
  return x;
}

TEST(ScaleGroups, ANetworkOfAnyOperatorsComputesTheSameWithAnyFactors) {
  std::size_t all = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = testing::random_network(seed);
    const ScaleGroups groups(graph);
    all += groups.count();
    Random random(seed);
    const std::vector<double> factors = random_factors(groups.count(), random);
    const Graph scaled = rescaled(graph, groups, factors);
    const Sample in = testing::random_sample({3, 8, 8}, random);
    const auto before = testing::interpret_all(graph, {&in, 1}),
               after = testing::interpret_all(scaled, {&in, 1});
    for (std::size_t v = 0; v < before.size(); ++v)
      EXPECT_LE(testing::relative_error(divided(before[v], static_cast<ValueId>(v), groups, factors),
                                        after[v].data),
                1e-5)
          << graph.values[v].name;
    for (const ValueId id : graph.outputs)
      EXPECT_LE(testing::relative_error(before[static_cast<std::size_t>(id)].data,
                                        after[static_cast<std::size_t>(id)].data),
                1e-5);
  }
  EXPECT_GE(all, 200u * 10u) << "most networks have channels that can be scaled";
}

TEST(ScaleGroups, ConvolutionDepthwiseConvolutionHasAFactorBeforeAndBehind) {
  NetworkBuilder b({3, 6, 6});
  const ValueId a = b.conv(b.graph.inputs[0], 5, 3, true, 1, kRelu), d = b.conv(a, 5, 3, true, 5, kRelu);
  const ScaleGroups groups(b.done({b.conv(d, 2, 1)}, true));
  EXPECT_EQ(groups.count(), 10u);
  ASSERT_EQ(groups.families().size(), 2u);
  EXPECT_EQ(groups.families()[0].writers, (std::vector<int>{0}));
  EXPECT_EQ(groups.families()[0].readers, (std::vector<int>{1}));
  EXPECT_EQ(groups.families()[1].writers, (std::vector<int>{1}));
  EXPECT_EQ(groups.families()[1].readers, (std::vector<int>{2}));
  EXPECT_EQ(groups.fixed_by(0), "it is an input of the network");
  EXPECT_EQ(groups.fixed_by(3), "the network returns it");
}

TEST(ScaleGroups, WhatIsAddedSharesFactors) {
  NetworkBuilder b({3, 6, 6});
  const ValueId a = b.conv(b.graph.inputs[0], 4, 3, true, 1, kRelu), c = b.conv(a, 4, 3),
                sum = b.add(ops::AddOp{kRelu}, {a, c}), d = b.conv(sum, 4, 3, true, 1, {}, sum);
  b.graph.outputs = {b.conv(d, 2, 1)};
  const ScaleGroups groups(b.graph);
  EXPECT_EQ(groups.count(), 4u);
  for (const ValueId v : {a, c, sum, d})
    for (int i = 0; i < 4; ++i) EXPECT_EQ(groups.group(v, i), groups.group(a, i));
  ASSERT_EQ(groups.families().size(), 1u);
  EXPECT_EQ(groups.families()[0].writers, (std::vector<int>{0, 1, 3}));
  EXPECT_EQ(groups.families()[0].readers, (std::vector<int>{1, 3, 4}));
}

TEST(ScaleGroups, FlattenAndConcatKeepTrackOfChannels) {
  NetworkBuilder b({3, 4, 4});
  const ValueId a = b.conv(b.graph.inputs[0], 3, 3, true, 1, kRelu), c = b.conv(a, 2, 3, true, 1, kRelu),
                both = b.add(ops::ConcatOp{0}, {c, a}), flat = b.add(ops::FlattenOp{}, {both});
  b.graph.outputs = {b.linear(flat, 2)};
  const ScaleGroups groups(b.graph);
  EXPECT_EQ(groups.count(), 5u);
  for (int e = 0; e < 5 * 16; ++e)
    EXPECT_EQ(groups.group(flat, e), e < 32 ? groups.group(c, e / 16) : groups.group(a, e / 16 - 2));
}

TEST(ScaleGroups, AClampAtAnotherBoundThanZeroIsOneForEachChannel) {
  NetworkBuilder b({3, 6, 6});
  const ValueId a = b.conv(b.graph.inputs[0], 4, 3, true, 1, {-1.0f, 6.0f});
  b.graph.outputs = {b.conv(a, 2, 1)};
  const ScaleGroups groups(b.graph);
  ASSERT_EQ(groups.count(), 4u);
  const std::vector<double> factors{0.5, 1.0, 2.0, 4.0};
  const Graph scaled = rescaled(b.graph, groups, factors);
  ASSERT_EQ(scaled.nodes.size(), 4u);
  const auto& own = std::get<ops::Conv2dOp>(scaled.nodes[0].op).activation;
  EXPECT_EQ(own, (ops::Activation{-2.0f, 12.0f})) << "the widest of all channels";
  const auto& below = std::get<ops::BinaryOp>(scaled.nodes[1].op);
  EXPECT_EQ(below.function, ops::BinaryFunction::min);
  EXPECT_EQ(below.constant, Tensor(Shape{4, 1, 1}, {12.0f, 6.0f, 3.0f, 1.5f}));
  const auto& above = std::get<ops::BinaryOp>(scaled.nodes[2].op);
  EXPECT_EQ(above.function, ops::BinaryFunction::max);
  EXPECT_EQ(above.constant, Tensor(Shape{4, 1, 1}, {-2.0f, -1.0f, -0.5f, -0.25f}));
  EXPECT_EQ(scaled.nodes[2].output, a);
  EXPECT_EQ(scaled.values[static_cast<std::size_t>(scaled.nodes[0].output)].name, "Conv2d0:below");
  // Factors once more, and those that undo both: no further nodes, and what there was.
  const ScaleGroups again(scaled);
  ASSERT_EQ(again.count(), 4u);
  const Graph back = rescaled(scaled, again, std::vector<double>{2.0, 1.0, 0.5, 0.25});
  ASSERT_EQ(back.nodes.size(), 4u);
  EXPECT_EQ(std::get<ops::Conv2dOp>(back.nodes[0].op).activation, (ops::Activation{-1.0f, 6.0f}));
  EXPECT_EQ(std::get<ops::BinaryOp>(back.nodes[1].op).constant, Tensor(Shape{4, 1, 1}, {6, 6, 6, 6}));
}

TEST(ScaleGroups, ChannelsWithTheSameFactorShareTheirBound) {
  NetworkBuilder b({3, 6, 6});
  const ValueId a = b.conv(b.graph.inputs[0], 4, 3, true, 1, kRelu6);
  b.graph.outputs = {b.conv(a, 2, 1)};
  const Graph scaled = rescaled(b.graph, ScaleGroups(b.graph), std::vector<double>(4, 2.0));
  ASSERT_EQ(scaled.nodes.size(), 2u);
  EXPECT_EQ(std::get<ops::Conv2dOp>(scaled.nodes[0].op).activation, (ops::Activation{0.0f, 3.0f}));
}

// f(s x) = s f(x): a scalar behind it is as good as none, a shift is not.
TEST(ScaleGroups, FactorsPassThroughFunctionsThatAreHomogeneous) {
  const auto count = [](const ops::FunctionOp& f) {
    NetworkBuilder b({3, 6, 6});
    b.graph.outputs = {b.conv(b.add(f, {b.conv(b.graph.inputs[0], 4, 3)}), 2, 1)};
    const ScaleGroups groups(b.graph);
    if (groups.count() == 0) return groups.count();
    const Graph scaled = rescaled(b.graph, groups, std::vector<double>{0.3, 1.0, 7.0, 2.0});
    Random random(5);
    const Sample in = testing::random_sample({3, 6, 6}, random);
    EXPECT_LE(testing::relative_error(testing::interpret(b.graph, {&in, 1})[0].data,
                                      testing::interpret(scaled, {&in, 1})[0].data),
              1e-5);
    return groups.count();
  };
  using F = ops::Function;
  EXPECT_EQ(count({F::leaky_relu, 0.1f}), 4u);
  EXPECT_EQ(count({F::leaky_relu, 0.1f, 0.0f, -2.5f}), 4u);
  EXPECT_EQ(count({F::abs}), 4u);
  EXPECT_EQ(count({.function = F::abs, .scale_after = 0.5f, .shift_after = 1.0f}), 0u);
  EXPECT_EQ(count({F::sigmoid}), 0u);
  EXPECT_EQ(count({F::hard_swish, 1.0f / 6, 0.5f}), 0u);
}

TEST(ScaleGroups, FactorsPassThroughAPReluWhoseSlopesAreConstant) {
  NetworkBuilder b({3, 6, 6});
  ops::ArrayOp prelu{.function = "PRelu", .opset = 16, .sources = {ops::ArrayOp::kValue, 0}};
  prelu.elements = {ElementType::f32};
  arrays::Array slopes({ElementType::f32, Shape{4, 1, 1}});
  slopes.floats = {0.1f, 0.2f, 0.3f, 0.4f};
  prelu.constants = {slopes};
  b.graph.outputs = {b.conv(b.add(prelu, {b.conv(b.graph.inputs[0], 4, 3)}), 2, 1)};
  const ScaleGroups groups(b.graph);
  ASSERT_EQ(groups.count(), 4u);
  const Model model(b.graph), scaled = rescaled(model, groups, std::vector<double>{0.3, 1.0, 7.0, 2.0});
  const Tensor images = testing::random_images({3, 6, 6}, 4, 1);
  EXPECT_GE(testing::sqnr(testing::outputs(model, images), testing::outputs(scaled, images)), 100);
}

// A squeezed gate multiplies what a factor passes through; the gate itself keeps its channels.
TEST(ScaleGroups, FactorsPassThroughWhatIsMultipliedByAGate) {
  NetworkBuilder b({3, 6, 6});
  const ValueId a = b.conv(b.graph.inputs[0], 4, 3, true, 1, kRelu),
                squeezed = b.conv(b.add(ops::GlobalAveragePoolOp{}, {a}), 4, 1),
                gate = b.add(ops::FunctionOp{ops::Function::sigmoid}, {squeezed}),
                out = b.add(ops::BinaryOp{ops::BinaryFunction::mul}, {a, gate});
  b.graph.outputs = {b.conv(out, 2, 1)};
  const ScaleGroups groups(b.graph);
  EXPECT_EQ(groups.count(), 4u);
  for (int c = 0; c < 4; ++c) EXPECT_EQ(groups.group(out, c), groups.group(a, c));
  EXPECT_EQ(groups.group(gate, 0), -1);
}

int family_of_readers(const ScaleGroups& groups, const Graph& graph, std::vector<std::string> names) {
  for (std::size_t f = 0; f < groups.families().size(); ++f) {
    std::vector<std::string> readers;
    for (const int node : groups.families()[f].readers)
      readers.push_back(graph.nodes[static_cast<std::size_t>(node)].name);
    if (readers == names) return static_cast<int>(f);
  }
  return -1;
}

// Channels are the last axis of 1 x T x F, two of 1 x T x heads x size; a normalization takes their factors.
TEST(ScaleGroups, ABlockOfATransformerComputesTheSameWithAnyFactors) {
  for (const bool gated : {false, true})
    for (const bool post_norm : {false, true}) {
      SCOPED_TRACE(std::string(gated ? "gated" : "GELU") + (post_norm ? ", post" : ", pre"));
      const Graph graph = testing::transformer_block({.ids = false, .post_norm = post_norm, .gated = gated});
      const detail::TwinNorms twins{Model(graph)};
      const Graph& split = twins.model.graph();
      EXPECT_EQ(split.nodes.size(), graph.nodes.size() + (post_norm ? 4 : 0))
          << "three norms, the last of which is returned, and one Reshape; none where each is read by layers";
      const ScaleGroups groups(split);
      const auto features = static_cast<std::size_t>(testing::kFeatures);
      EXPECT_EQ(groups.count(), (gated ? 6 : 4) * features);
      EXPECT_GE(family_of_readers(groups, split, {"queries", "keys", "values"}), 0) << "one factor for all";
      EXPECT_GE(family_of_readers(groups, split, {"joined"}), 0);
      EXPECT_EQ(family_of_readers(groups, split, {"down"}) >= 0, gated);
      Random random(3);
      const std::vector<double> factors = random_factors(groups.count(), random);
      const Graph scaled = rescaled(split, groups, factors);
      const Sample in = testing::random_sample({1, testing::kTokens, testing::kFeatures}, random);
      const auto want = testing::interpret(graph, {&in, 1}), got = testing::interpret(scaled, {&in, 1});
      for (std::size_t o = 0; o < want.size(); ++o)
        EXPECT_LE(testing::relative_error(want[o].data, got[o].data), 1e-5);
      // A value is divided by its factors, wherever its channels lie.
      const auto before = testing::interpret_all(split, {&in, 1}),
                 after = testing::interpret_all(scaled, {&in, 1});
      for (std::size_t v = 0; v < before.size(); ++v) {
        if (split.values[v].name != "values/heads") continue;
        std::vector<double> divided = before[v].data;
        for (std::size_t e = 0; e < divided.size(); ++e)
          divided[e] /= factors[static_cast<std::size_t>(
              groups.group(static_cast<ValueId>(v), static_cast<std::int64_t>(e) % testing::kFeatures))];
        EXPECT_LE(testing::relative_error(divided, after[v].data), 1e-5);
      }
      EXPECT_EQ(twins.without_equal(twins.model).graph().nodes.size(), graph.nodes.size());
    }
}

TEST(ScaleGroups, ChannelsAreFollowedThroughTransposesAndSlices) {
  // The fused product of queries, keys and values, as ViT has it.
  Random random(7);
  Graph g;
  g.has_batch = false;
  g.inputs = {g.add_value("x", {6, 8})};
  ops::LinearOp qkv;
  qkv.weight = Tensor(Shape{24, 8});
  for (float& w : qkv.weight.data) w = random.gaussian();
  const ValueId all = g.add_node("qkv", qkv, g.inputs);
  const ValueId parts = g.add_node("parts", ops::TransposeOp{{2, 0, 3, 1, 4}},
                                   {g.add_node("split", ops::ReshapeOp{{1, 6, 3, 2, 4}}, {all})});
  std::vector<ValueId> in;
  for (std::int64_t i = 0; i < 3; ++i) {
    const ops::SliceOp slice{{i, 0, 0, 0, 0}, {1, 1, 1, 1, 1}, {1, 1, 2, 6, 4}};
    const std::string name = "part" + std::to_string(i);
    in.push_back(
        g.add_node(name + "/whole", ops::ReshapeOp{{1, 2, 6, 4}}, {g.add_node(name, slice, {parts})}));
  }
  const ValueId y = g.add_node("attention", ops::AttentionOp{0.5f, true, true, true, false}, in);
  ops::LinearOp out;
  out.weight = Tensor(Shape{3, 8});
  for (float& w : out.weight.data) w = random.gaussian();
  g.outputs = {g.add_node("out", out, {g.add_node("rows", ops::ReshapeOp{{6, 8}}, {y})})};
  const ScaleGroups groups(g);
  ASSERT_EQ(groups.count(), 8u) << "the channels of the values";
  for (int c = 0; c < 24; ++c) EXPECT_EQ(groups.group(all, c) >= 0, c >= 16) << c;
  const std::vector<double> factors = random_factors(8, random);
  const Graph scaled = rescaled(g, groups, factors);
  const Sample sample = testing::random_sample({6, 8}, random);
  EXPECT_LE(testing::relative_error(testing::interpret(g, {&sample, 1})[0].data,
                                    testing::interpret(scaled, {&sample, 1})[0].data),
            1e-5);
  EXPECT_NE(std::get<ops::LinearOp>(scaled.nodes[0].op).weight, qkv.weight);
}

// Weights that go from step to step are those of no layer.
TEST(ScaleGroups, LeavesRecurrentWeights) {
  Graph g;
  g.inputs = {g.add_value("x", {4, 12})};
  ops::RecurrentOp gru;
  gru.cell = ops::Cell::gru;
  Random random(2);
  gru.weight = Tensor(Shape{12, 4});
  for (float& w : gru.weight.data) w = random.gaussian();
  const auto linear = [&](std::int64_t in, std::int64_t out) {
    ops::LinearOp op;
    op.weight = Tensor(Shape{out, in});
    for (float& w : op.weight.data) w = random.gaussian();
    op.activation.lo = 0.0f;
    return op;
  };
  const ValueId a = g.add_node("a", linear(12, 12), g.inputs), b = g.add_node("b", linear(12, 12), {a});
  const ValueId steps = g.add_node("steps", gru, {b});
  g.outputs = {g.add_node("d", linear(5, 2), {g.add_node("c", linear(4, 5), {steps})})};
  const ScaleGroups groups(g);
  ASSERT_EQ(groups.count(), 12u + 5u);
  const Graph scaled = rescaled(g, groups, std::vector<double>(17, 3.0));
  EXPECT_EQ(std::get<ops::RecurrentOp>(scaled.nodes[2].op).weight, gru.weight);
  const Sample in = testing::random_sample({4, 12}, random);
  EXPECT_LE(testing::relative_error(testing::interpret(g, {&in, 1})[0].data,
                                    testing::interpret(scaled, {&in, 1})[0].data),
            1e-5);
  EqualizeReport report;
  equalizing_factors(g, groups, {}, &report);
  EXPECT_TRUE(std::isfinite(report.log_ranges_after));
}

TEST(ScaleGroups, SoftmaxAndNonZeroPaddingLetNothingThrough) {
  NetworkBuilder b({3, 6, 6});
  const ValueId a = b.conv(b.graph.inputs[0], 4, 3), p = b.add(ops::PadOp{{0, 1, 1}, {0, 1, 1}, 0.5f}, {a}),
                c = b.conv(p, 4, 3), s = b.add(ops::SoftmaxOp{0}, {c});
  b.graph.outputs = {b.conv(s, 2, 1)};
  const ScaleGroups groups(b.graph);
  EXPECT_EQ(groups.count(), 0u);
  EXPECT_EQ(groups.fixed_by(a), "'Pad1' pads it with 0.5");
  EXPECT_EQ(groups.fixed_by(c), "'Softmax3' (Softmax) lets no factor through");
}

TEST(ScaleGroups, RefusesFactorsThatAreNone) {
  NetworkBuilder b({3, 6, 6});
  const Graph graph = b.done({b.conv(b.conv(b.graph.inputs[0], 2, 3), 2, 1)}, true);
  const ScaleGroups groups(graph);
  const auto refused = [&](std::vector<double> factors) {
    return error_of([&] { rescaled(graph, groups, factors); }, ErrorCode::invalid_argument);
  };
  EXPECT_TRUE(says(refused({1.0}), {"1 factors", "2 groups"}));
  EXPECT_TRUE(says(refused({1.0, 0.0}), {"group 1", "0"}));
  EXPECT_TRUE(says(refused({-1.0, 1.0}), {"group 0", "-1"}));
  EXPECT_TRUE(says(refused({1.0, double{kInf}}), {"group 1", "inf"}));
}

}  // namespace
}  // namespace lowbit
