// SPDX-License-Identifier: Apache-2.0
// The steps of a recovery that rewrite the network: what badly scaled channels cost is won back, and users'
// choices stand.
#include <gtest/gtest.h>

#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/recover/equalize.h"
#include "lowbit/recover/recover.h"
#include "recover/scaled_models.h"
#include "recover/scaled_networks.h"
#include "recover/transformer_network.h"
#include "support/effort.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::BlockOptions;
using testing::outputs;
using testing::random_images;
using testing::says;
using testing::sqnr;

class Rewriting : public ::testing::Test {
 protected:
  const Model good{testing::inverted_residuals(2)}, bad = testing::spoilt(good, 2, 5);
  const Tensor images = random_images({3, 12, 12}, 64, 1), unseen = random_images({3, 12, 12}, 32, 2);
  const CalibrationTable table = calibrate(bad, std::vector<Tensor>{images});

  double quality(const Model& quantized) const {
    return sqnr(outputs(good, unseen), outputs(quantized, unseen));
  }

  RecoverOptions by_name(const char* steps, RecoveryReport& report, int threads = 1) const {
    RecoverOptions how = parse_recovery(steps);
    how.samples = 40, how.positions = 8, how.products = 0, how.report = &report, how.threads = threads;
    return how;
  }
};

TEST_F(Rewriting, EqualizationWinsBackWhatBadScalesOfChannelsCost) {
  double lost =
      0;  // against the good networks, all together: single ones are up to 6 dB better and 2 dB worse
  int networks = 0;
  for (std::uint64_t seed = 1; seed <= 6; seed += testing::kSlowdown > 1 ? 4 : 1, ++networks) {
    SCOPED_TRACE(seed);
    const Model fine(testing::inverted_residuals(seed)), rough = testing::spoilt(fine, seed, 5);
    const auto quality_of = [&](const Model& model, const RecoverOptions* how) {
      const CalibrationTable its = calibrate(model, std::vector<Tensor>{images});
      QuantizeOptions options{.scheme = "int8-tensor"};
      if (how) options.recover = recover(*how);
      return sqnr(outputs(fine, unseen), outputs(quantize(model, its, options), unseen));
    };
    RecoveryReport report;
    const RecoverOptions how = by_name("equalize", report);
    const double had = quality_of(fine, nullptr), has = quality_of(rough, &how);
    EXPECT_LT(quality_of(rough, nullptr), had - 10);
    EXPECT_GT(has, had - 6);
    lost += had - has;
    ASSERT_EQ(report.network.size(), 2u) << "with values, and by weights alone";
    const RecoveryReport::Step &first = report.network[0], &second = report.network[1];
    EXPECT_EQ(first.name, "equalize");
    EXPECT_EQ(second.name, "equalize");
    EXPECT_TRUE(first.kept);
    EXPECT_EQ(second.kept, second.sqnr_after > first.sqnr_after);
    EXPECT_EQ(first.sqnr_before, report.sqnr_before);
    EXPECT_EQ(second.sqnr_before, first.sqnr_after);
    EXPECT_EQ(report.sqnr_after, std::max(first.sqnr_after, second.sqnr_after));
    EXPECT_EQ(first.note, "480 factors");
    EXPECT_EQ(second.note, "480 factors, by weights alone");
    EXPECT_TRUE(report.layers.empty()) << "no step is about layers";
    RecordProperty("lost" + std::to_string(seed), std::to_string(had - has));
  }
  EXPECT_LT(lost / networks, 1);
}

TEST_F(Rewriting, TheRewrittenModelHasTheNamesOfTheOriginalOne) {
  RecoveryReport report;
  const Model model =
      quantize(bad, table, {.scheme = "int8-tensor", .recover = recover(by_name("equalize", report))});
  EXPECT_EQ(save_to_bytes(load(save_to_bytes(model))), save_to_bytes(model));
  const auto name = [](const Model& m) {
    return m.graph().values[static_cast<std::size_t>(m.graph().outputs[0])].name;
  };
  EXPECT_EQ(name(model), name(bad));
  EXPECT_EQ(model.scheme(), "int8-tensor");
  EXPECT_EQ(describe_coverage(model), describe_coverage(quantize(bad, table, {.scheme = "int8-tensor"})));
}

TEST_F(Rewriting, GoesTogetherWithTheStepsOfLayers) {
  RecoveryReport alone, together;
  const Model without = quantize(bad, table,
                                 {.scheme = "int4-tensor", .recover = recover(by_name("gptq,bias", alone))}),
              with = quantize(
                  bad, table,
                  {.scheme = "int4-tensor", .recover = recover(by_name("equalize,gptq,bias", together))});
  EXPECT_GT(quality(with), quality(without) + 3);
  EXPECT_NEAR(quality(with), together.sqnr_after, 3);
}

TEST_F(Rewriting, GivesTheSameBytesWithAnyNumberOfThreads) {
  const auto bytes = [&](int threads) {
    RecoveryReport report;
    const auto how = by_name("equalize,smooth,awq,absorb,bias", report, threads);
    auto result = save_to_bytes(quantize(bad, table, {.scheme = "int4", .recover = recover(how)}));
    const char* const names[] = {"equalize", "equalize", "smooth", "awq", "absorb"};
    EXPECT_GE(report.network.size(), std::size(names));
    for (std::size_t i = 0; i < std::size(names); ++i) EXPECT_EQ(report.network[i].name, names[i]);
    return result;
  };
  const auto one = bytes(1);
  EXPECT_EQ(bytes(3), one);
}

TEST_F(Rewriting, NeedsNoTableWhereTheSchemeNeedsNone) {
  RecoveryReport report;
  RecoverOptions how = by_name("awq", report);
  how.data = images;
  const Model plain = quantize(bad, {.scheme = "int3-g16-wo"}),
              model = quantize(bad, {.scheme = "int3-g16-wo", .recover = recover(how)});
  EXPECT_TRUE(report.network[0].kept);
  EXPECT_GT(quality(model), quality(plain));
}

TEST_F(Rewriting, LeavesNetworksWhoseWeightsOrRangesTheUserChose) {
  RecoveryReport report;
  const auto weights = [](const LayerContext&) { return LayerWeights{}; };
  quantize(bad, table,
           {.scheme = "int8-tensor", .weights = weights, .recover = recover(by_name("equalize", report))});
  EXPECT_FALSE(report.network[0].kept);
  EXPECT_TRUE(says(report.network[0].note, {"caller's"}));
  const auto ranges = [](const std::string&, int) { return std::optional<Range>{}; };
  quantize(bad, table,
           {.scheme = "int8-tensor", .ranges = ranges, .recover = recover(by_name("equalize", report))});
  EXPECT_FALSE(report.network[0].kept);
}

TEST_F(Rewriting, WhatDoesNotGainIsNotTaken) {
  int taken = 0, tried = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Model model(testing::inverted_residuals(seed));
    const CalibrationTable its = calibrate(model, std::vector<Tensor>{images});
    RecoveryReport report;
    const Model recovered =
        quantize(model, its, {.scheme = "int8", .recover = recover(by_name("smooth", report))});
    const RecoveryReport::Step& step = report.network[0];
    EXPECT_EQ(step.kept, step.sqnr_after > step.sqnr_before);
    EXPECT_EQ(report.sqnr_after, std::max(step.sqnr_after, step.sqnr_before));
    const auto plain = save_to_bytes(quantize(model, its, {.scheme = "int8"}));
    EXPECT_EQ(save_to_bytes(recovered) == plain, !step.kept);
    ++tried, taken += step.kept;
  }
  EXPECT_LT(taken, tried);
}

// MobileNetV2 as it is, with ReLU6: a clamp at 6 becomes one at 6 / s.
TEST_F(Rewriting, EqualizationPassesThroughRelu6) {
  double gained = 0;
  int networks = 0;
  for (std::uint64_t seed = 1; seed <= 6; seed += testing::kSlowdown > 1 ? 4 : 1, ++networks) {
    SCOPED_TRACE(seed);
    // Some channels are hardly ever below the bound, others far from it.
    const Model rough =
        testing::clamped(testing::spoilt(Model(testing::inverted_residuals(seed)), seed, 5), testing::kRelu6);
    const std::vector<float> want = outputs(rough, unseen);
    const auto quality_of = [&](const Model& model, const RecoverOptions* how) {
      const CalibrationTable its = calibrate(model, std::vector<Tensor>{images});
      QuantizeOptions options{.scheme = "int8-tensor"};
      if (how) options.recover = recover(*how);
      return sqnr(want, outputs(quantize(model, its, options), unseen));
    };
    const Model equal = equalize(rough);
    EXPECT_GE(sqnr(want, outputs(equal, unseen)), 100) << "1e-5 of the outputs";
    RecoveryReport report;
    const RecoverOptions how = by_name("equalize", report);
    const double plain = quality_of(rough, nullptr), has = quality_of(rough, &how);
    EXPECT_TRUE(report.network[0].kept || report.network[1].kept);
    EXPECT_EQ(report.network[0].note, "480 factors");
    gained += has - plain;
    RecordProperty("plain" + std::to_string(seed), std::to_string(plain));
    RecordProperty("equalized" + std::to_string(seed), std::to_string(has));
  }
  EXPECT_GT(gained / networks, 10);
}

/// A block whose normalizations have channels far larger than others, as those of trained transformers do.
class Outliers : public ::testing::TestWithParam<bool> {
 protected:
  static BlockOptions options(float outlier) { return {.post_norm = GetParam(), .outlier = outlier}; }
  static RecoverOptions steps(const char* names, RecoveryReport& report) {
    RecoverOptions how = parse_recovery(names);
    how.samples = 60, how.products = 0, how.report = &report;
    return how;
  }
};

// SmoothQuant as its authors have it: a scale of the normalization, common to the layers that read it.
TEST_P(Outliers, OfNormalizationsAreSmoothedAway) {
  const Model fp32(testing::transformer_block(options(20)));
  const SampleSet seen = testing::sentences(fp32, 60, 1), unseen = testing::sentences(fp32, 40, 2);
  const CalibrationTable table = testing::calibrated(fp32, seen);
  for (const char* scheme : {"int8-dynamic", "int8"}) {
    if (GetParam() && std::string(scheme) == "int8") break;  // what is added keeps its channels, and codes
    SCOPED_TRACE(scheme);
    RecoveryReport report;
    const Model plain = quantize(fp32, table, {.scheme = scheme}),
                smoothed =
                    quantize(fp32, table, {.scheme = scheme, .recover = recover(steps("smooth", report))});
    EXPECT_TRUE(report.network[0].kept) << report.network[0].note;
    EXPECT_GT(testing::sqnr_on(fp32, smoothed, unseen), testing::sqnr_on(fp32, plain, unseen) + 1);
    const auto twins = std::count_if(
        smoothed.graph().nodes.begin(), smoothed.graph().nodes.end(), [](const Graph::Node& node) {
          return std::holds_alternative<ops::LayerNormOp>(node.op) && node.name.ends_with(":layers");
        });
    EXPECT_EQ(twins, GetParam() ? 3 : 0) << "where a sum reads the same value";
    EXPECT_EQ(save_to_bytes(load(save_to_bytes(smoothed))), save_to_bytes(smoothed));
  }
}

TEST_P(Outliers, AreWhatAwqIsFor) {
  const Model fp32(testing::transformer_block(options(20)));
  const SampleSet seen = testing::sentences(fp32, 60, 1), unseen = testing::sentences(fp32, 40, 2);
  const CalibrationTable table = testing::calibrated(fp32, seen);
  RecoveryReport report;
  const Model plain = quantize(fp32, table, {.scheme = "int3-g12-wo"}),
              scaled =
                  quantize(fp32, table, {.scheme = "int3-g12-wo", .recover = recover(steps("awq", report))});
  EXPECT_TRUE(report.network[0].kept) << report.network[0].note;
  EXPECT_GT(testing::sqnr_on(fp32, scaled, unseen), testing::sqnr_on(fp32, plain, unseen) + 1);
}

// A twin has the scheme of what it is a twin of.
TEST_P(Outliers, AreSmoothedInTheSchemeOfTheirNormalization) {
  const Model fp32(testing::transformer_block(options(20)));
  const SampleSet seen = testing::sentences(fp32, 60, 1);
  RecoveryReport report;
  const Model model = quantize(
      fp32, testing::calibrated(fp32, seen),
      {.scheme = "int8", .overrides = {{"*norm*", "fp32"}}, .recover = recover(steps("smooth", report))});
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i) {
    if (!std::holds_alternative<ops::LayerNormOp>(model.graph().nodes[i].op)) continue;
    EXPECT_TRUE(model.quantization(static_cast<int>(i)).scheme.is_fp32()) << model.graph().nodes[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Norms, Outliers, ::testing::Bool(),
                         [](const auto& post) { return post.param ? "behind" : "before"; });

TEST_F(Rewriting, SaysWhichLayersStay) {
  testing::NetworkBuilder b({3, 12, 12});
  const ValueId a = b.conv(b.graph.inputs[0], 4, 3), s = b.add(ops::FunctionOp{ops::Function::sigmoid}, {a}),
                c = b.conv(s, 4, 3, true, 1, testing::kRelu);
  const Model model(b.done({b.conv(c, 4, 3)}, true));
  RecoveryReport report;
  quantize(model, calibrate(model, std::vector<Tensor>{images}),
           {.scheme = "int8-tensor", .recover = recover(by_name("equalize", report))});
  EXPECT_EQ(report.network[0].note,
            "4 factors; outputs of 1 layers stay, 'Conv2d0': 'Function1' (Function) lets no factor through");
}

TEST_F(Rewriting, SaysWhereThereIsNothingToScale) {
  testing::NetworkBuilder b({3, 12, 12});
  const Model model(b.done({b.conv(b.graph.inputs[0], 4, 3)}, true));
  RecoveryReport report;
  quantize(model, calibrate(model, std::vector<Tensor>{images}),
           {.scheme = "int8", .recover = recover(by_name("equalize,absorb", report))});
  EXPECT_EQ(report.network[0].note, "0 factors");
  EXPECT_EQ(report.network[2].note, "0 values");
  EXPECT_FALSE(report.network[0].kept || report.network[1].kept || report.network[2].kept);
}

}  // namespace
}  // namespace lowbit
