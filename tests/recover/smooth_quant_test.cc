// SPDX-License-Identifier: Apache-2.0
// SmoothQuant's factors against the formula, AWQ's against a search of its own that runs the samples; both
// where some channels are much larger than others.
#include "lowbit/recover/smooth_quant.h"

#include <gtest/gtest.h>

#include "lowbit/model/layer_weights.h"
#include "lowbit/model/quantize.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/recover/awq.h"
#include "lowbit/recover/capture.h"
#include "recover/scaled_models.h"
#include "recover/scaled_networks.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::kRelu;
using testing::NetworkBuilder;
using testing::outputs;
using testing::random_images;
using testing::says;
using testing::sqnr;

/// Two layers; every eighth of the channels between them is `times` larger than the others, and its columns
/// are not smaller for it.
Graph outliers(float times, std::uint64_t seed = 3) {
  NetworkBuilder b({4, 8, 8}, seed);
  Graph graph = b.done({b.conv(b.conv(b.graph.inputs[0], 32, 3, true, 1, kRelu), 16, 1)}, true);
  auto& first = std::get<ops::Conv2dOp>(graph.nodes[0].op);
  for (std::size_t row = 0; row < 32; row += 8) {
    for (std::size_t i = 0; i < 36; ++i) first.weight.data[row * 36 + i] *= times;
    first.bias[row] *= times;
  }
  return graph;
}

TEST(SmoothQuant, FactorsAreThePapers) {
  const Graph graph = outliers(20);
  const Model model(graph);
  const ChannelStats stats = channel_stats(model, random_images({4, 8, 8}, 8, 1));
  const ScaleGroups groups(graph);
  const auto& second = std::get<ops::Conv2dOp>(graph.nodes[1].op);
  for (const double strength : {0.0, 0.3, 0.5, 1.0}) {
    const std::vector<double> factors = smoothing_factors(graph, groups, stats, {.strength = strength});
    const auto& largest = stats.values[static_cast<std::size_t>(graph.nodes[0].output)].largest;
    std::vector<double> paper(32);
    for (std::size_t j = 0; j < 32; ++j) {
      double column = 0;
      for (std::size_t o = 0; o < 16; ++o)
        column = std::max(column, std::fabs(double{second.weight.data[o * 32 + j]}));
      paper[j] = std::pow(double{largest[j]}, strength) / std::pow(column, 1 - strength);
    }
    for (std::size_t j = 0; j < 32; ++j)
      EXPECT_NEAR(factors[j] / factors[0], paper[j] / paper[0], 1e-5 * paper[j] / paper[0]);
  }
}

TEST(SmoothQuant, LargeChannelsNoLongerCostTheOthersTheirCodes) {
  const Model model(outliers(60));
  const Tensor images = random_images({4, 8, 8}, 32, 1), unseen = random_images({4, 8, 8}, 32, 2);
  const Model smoothed = smooth(model, channel_stats(model, images));
  EXPECT_GE(sqnr(outputs(model, unseen), outputs(smoothed, unseen)), 100);
  // The large channels make up the outputs' norm: what counts is what the small ones say.
  const Graph small = [] {
    Graph g = outliers(60);
    auto& second = std::get<ops::Conv2dOp>(g.nodes[1].op);
    for (std::size_t o = 0; o < 16; ++o)
      for (std::size_t j = 0; j < 32; j += 8) second.weight.data[o * 32 + j] *= 1e-3f;
    return g;
  }();
  const Model of_small(small), small_smoothed = smooth(of_small, channel_stats(of_small, images));
  const auto quantized = [&](const Model& m) {
    return outputs(quantize(m, calibrate(m, std::vector<Tensor>{images}), {.scheme = "int8"}), unseen);
  };
  const std::vector<float> want = outputs(of_small, unseen);
  EXPECT_GT(sqnr(want, quantized(small_smoothed)), sqnr(want, quantized(of_small)) + 6);
}

TEST(Awq, TakesTheExponentOfTheLeastErrorOnSamples) {
  const Graph graph = outliers(8);
  const Model model(graph);
  const Tensor images = random_images({4, 8, 8}, 8, 1);
  const ChannelStats stats = channel_stats(model, images);
  const LayerStats moments = capture(model, std::vector<Tensor>{images}, {.positions = 64});
  const ScaleGroups groups(graph);
  const AnyQuantizer quantizer = make_quantizer("int3-g32");
  const auto of_second = [&](const Graph::Node& node) {
    return node.name == graph.nodes[1].name ? std::optional(quantizer) : std::nullopt;
  };
  // Every exponent by running the samples through weights that were rounded and scaled back.
  const std::vector<float> want = outputs(model, images);
  const auto& size = stats.values[static_cast<std::size_t>(graph.nodes[0].output)].size;
  std::vector<double> best;
  double best_sqnr = -1e9, plain = 0;
  for (int i = 0; i < 20; ++i) {
    std::vector<double> s;
    for (const double x : size) s.push_back(std::max(std::pow(x, i / 20.0), 1e-4));
    Graph rounded = graph;
    auto& second = std::get<ops::Conv2dOp>(rounded.nodes[1].op);
    for (std::size_t k = 0; k < second.weight.data.size(); ++k)
      second.weight.data[k] = static_cast<float>(double{second.weight.data[k]} * s[k % 32]);
    Tensor reals(Shape{16, 32});
    dequantize(quantize(MatrixView(second.weight.data.data(), 16, 32), quantizer),
               {reals.data.data(), 16, 32});
    for (std::size_t k = 0; k < reals.data.size(); ++k)
      second.weight.data[k] = static_cast<float>(double{reals.data[k]} / s[k % 32]);
    const double got = sqnr(want, outputs(Model(rounded), images));
    if (i == 0) plain = got;
    if (got > best_sqnr) best_sqnr = got, best = s;
  }
  const std::vector<double> factors = awq_factors(graph, groups, stats, moments, of_second);
  for (std::size_t j = 0; j < 32; ++j)
    EXPECT_NEAR(factors[j] / factors[0], best[j] / best[0], 1e-6 * best[j] / best[0]);
  EXPECT_GT(best_sqnr, plain + 1) << "there was something to find";
}

TEST(Awq, LosesNothingWhereFactorsDoNotHelp) {
  const Model model(testing::inverted_residuals(2));
  const Tensor images = random_images({3, 12, 12}, 16, 1), unseen = random_images({3, 12, 12}, 16, 2);
  const ChannelStats stats = channel_stats(model, images);
  const LayerStats moments = capture(model, std::vector<Tensor>{images}, {.positions = 64});
  const AnyQuantizer quantizer = make_quantizer("int4-g32");
  const Model scaled =
      awq(model, stats, moments, [&](const Graph::Node&) { return std::optional(quantizer); });
  EXPECT_GE(sqnr(outputs(model, unseen), outputs(scaled, unseen)), 100);
  const auto quantized = [&](const Model& m) {
    return sqnr(outputs(model, unseen), outputs(quantize(m, {.scheme = "int4-g32-wo"}), unseen));
  };
  EXPECT_GT(quantized(scaled), quantized(model));
}

TEST(SmoothQuant, RefusesWhatCannotBe) {
  const Model model(outliers(2));
  const Tensor images = random_images({4, 8, 8}, 8, 1);
  const ChannelStats stats = channel_stats(model, images);
  const auto refused = [](auto f) { return error_of(f, ErrorCode::invalid_argument); };
  EXPECT_TRUE(says(refused([&] { smooth(model, stats, {.strength = 1.5}); }), {"strength", "1.5"}));
  EXPECT_TRUE(says(refused([&] { smooth(model, {}); }), {"0 values"}));
  const LayerStats moments = capture(model, std::vector<Tensor>{images});
  const auto quantizer = [](const Graph::Node&) { return std::optional(make_quantizer("int4")); };
  EXPECT_TRUE(says(refused([&] { awq(model, stats, moments, quantizer, {.exponents = 0}); }), {"exponent"}));
  const Model other(testing::inverted_residuals(1));
  const LayerStats others = capture(other, std::vector<Tensor>{random_images({3, 12, 12}, 8, 1)});
  EXPECT_TRUE(says(refused([&] { awq(model, stats, others, quantizer); }), {"'Conv2d0'", "36", "27"}));
  const Model quantized = quantize(model, {.scheme = "int8-wo"});
  EXPECT_TRUE(says(refused([&] { smooth(quantized, stats); }), {"fp32 model", "int8-wo"}));
  EXPECT_TRUE(says(refused([&] { awq(quantized, stats, moments, quantizer); }), {"fp32 model", "int8-wo"}));
}

}  // namespace
}  // namespace lowbit
