// SPDX-License-Identifier: Apache-2.0
// Errors of single layers against what a comparison of whole networks says, in networks where both must be
// the same.
#include "eval/layer_probe.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "eval/changed_answers.h"
#include "eval/weight_figures.h"
#include "lowbit/lowbit.h"
#include "support/random.h"

namespace lowbit::eval {
namespace {

constexpr std::int64_t kProbed = 12;

/// 1 x 28 x 28 -> conv1 -> conv2 (both 3x3, stride 2, ReLU) -> average -> fc
Model probed_network() {
  testing::Random random(4);
  const auto conv = [&](std::int64_t in, std::int64_t out) {
    ops::Conv2dOp op;
    op.weight = Tensor(Shape{out, in, 3, 3});
    for (float& w : op.weight.data) w = random.gaussian() * 0.3f;
    op.bias.assign(static_cast<std::size_t>(out), 0.05f);
    op.window = {.kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
    op.activation.lo = 0.0f;
    return op;
  };
  Graph g;
  g.inputs = {g.add_value("image", {1, 28, 28})};
  const ValueId a = g.add_node("conv1", conv(1, 6), {g.inputs[0]});
  const ValueId b = g.add_node("conv2", conv(6, 10), {a});
  const ValueId c =
      g.add_node("flatten", ops::FlattenOp{}, {g.add_node("average", ops::GlobalAveragePoolOp{}, {b})});
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{5, 10});
  for (float& w : fc.weight.data) w = random.gaussian();
  g.outputs = {g.add_node("fc", fc, {c})};
  return Model(std::move(g));
}

data::Samples glyph_samples(const Model& model) {
  data::DataOptions options;
  options.data = "glyphs";
  return {options, data::Split::evaluation, data::inputs_of(model), kProbed, 0};
}

double whole_sqnr(const Model& fp32, const Model& other, const data::Samples& samples) {
  ModelComparer comparer(fp32, other);
  for (std::int64_t i = 0; i < samples.count(); ++i) comparer.add(data::views(samples.read(i, 1)));
  return comparer.result().outputs[0].error.sqnr_db;
}

const LayerProbe& probe_of(const Model& model, const NetworkProbe& probe, const std::string& name) {
  for (std::size_t i = 0; i < probe.nodes.size(); ++i)
    if (model.graph().nodes[i].name == name) return probe.nodes[i];
  throw std::runtime_error("no layer " + name);
}

TEST(LayerProbe, OneQuantizedLayerDoesAllTheDamage) {
  const Model fp32 = probed_network();
  const data::Samples samples = glyph_samples(fp32);
  const Model quantized = quantize(fp32, {.scheme = "fp32", .overrides = {{"conv2", "int3-wo"}}});
  const NetworkProbe probe = probe_layers(fp32, quantized, samples, 1);
  EXPECT_EQ(probe.samples, kProbed);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(probe_of(quantized, probe, "conv1").own_db, infinity);
  EXPECT_EQ(probe_of(quantized, probe, "conv1").final_db, infinity);
  const LayerProbe& conv2 = probe_of(quantized, probe, "conv2");
  EXPECT_EQ(conv2.own_db, conv2.after_db) << "nothing before it is quantized";
  EXPECT_TRUE(std::isfinite(conv2.own_db));
  EXPECT_NEAR(conv2.final_db, whole_sqnr(fp32, quantized, samples), 1e-4);
  EXPECT_EQ(probe_of(quantized, probe, "fc").own_db, infinity);
  EXPECT_NEAR(probe_of(quantized, probe, "fc").after_db, conv2.final_db, 1e-4);
}

TEST(LayerProbe, ErrorsAddUpAndActivationsAreCounted) {
  const Model fp32 = probed_network();
  const data::Samples samples = glyph_samples(fp32);
  const data::SampleArrays all = samples.read(0, kProbed);
  const std::vector<std::vector<arrays::ArrayView>> batches{data::views(all)};
  const Model quantized = quantize(fp32, calibrate(fp32, batches), {.scheme = "int4-a4"});
  const NetworkProbe probe = probe_layers(fp32, quantized, samples, 2);
  EXPECT_NEAR(probe_of(quantized, probe, "fc").after_db, whole_sqnr(fp32, quantized, samples), 1e-4);
  const LayerProbe& conv1 = probe_of(quantized, probe, "conv1");
  EXPECT_EQ(conv1.own_db, conv1.after_db) << "its input is the network's, in codes either way";
  EXPECT_LT(probe_of(quantized, probe, "fc").after_db, conv1.final_db) << "others add to it";
  ASSERT_TRUE(conv1.activations.has_value());
  const report::HistogramFigure& counts = *conv1.activations;
  EXPECT_EQ(std::accumulate(counts.fp32.begin(), counts.fp32.end(), 0.0), kProbed * 6 * 14 * 14);
  EXPECT_EQ(counts.levels.size(), 16u);
  EXPECT_EQ(counts.clip_low, 0) << "behind a ReLU";
  EXPECT_LT(counts.clipped, 0.01) << "the range is that of the same samples";
}

TEST(WeightFigures, CountEveryWeightAndFindTheLevels) {
  const Model fp32 = probed_network();
  const Model quantized = quantize(fp32, {.scheme = "int3-wo"});
  const std::optional<QuantizedMatrix> codes = quantized.weights(1);
  ASSERT_TRUE(codes.has_value());
  const WeightFigures figures = weight_figures(fp32.graph().nodes[1].op, *codes);
  const auto sum = [](const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0); };
  EXPECT_EQ(sum(figures.histogram.fp32), 10 * 6 * 9);
  EXPECT_EQ(sum(figures.histogram.quantized), 10 * 6 * 9);
  EXPECT_EQ(figures.histogram.clipped, 0);
  EXPECT_EQ(figures.histogram.levels.size(), 7u) << "-3 to 3, over 3";
  ASSERT_EQ(figures.channels.size(), 10u);
  for (const report::ChannelRange& range : figures.channels) {
    EXPECT_LE(range.fp32_low, range.low * 0.5f);
    EXPECT_NEAR(std::max(-range.low, range.high), std::max(-range.fp32_low, range.fp32_high), 1e-3);
  }
}

TEST(ChangedAnswers, LostOnesComeFirstWithPictures) {
  const Model fp32 = probed_network();
  const data::Samples samples = glyph_samples(fp32);
  std::vector<std::int64_t> before(kProbed, 0), now(kProbed, 0);
  std::size_t lost = 3;  // whose label is one of the network's outputs
  while (*samples.label(static_cast<std::int64_t>(lost)) >= fp32.output_shape()[0]) ++lost;
  now[2] = 1;  // wrong before
  now[lost] = 3;
  before[2] = *samples.label(2) == 4 ? 2 : 4;
  before[lost] = *samples.label(static_cast<std::int64_t>(lost));
  if (before[lost] == 3) now[lost] = 2;
  const auto changed = changed_answers(fp32, fp32, before, now, samples, 9);
  ASSERT_EQ(changed.size(), 2u);
  EXPECT_EQ(changed[0].image, static_cast<std::int64_t>(lost));
  EXPECT_EQ(changed[0].reference, *changed[0].label);
  EXPECT_EQ(changed[0].width, 28);
  EXPECT_EQ(changed[0].picture.rfind("data:image/png;base64,", 0), 0u);
  EXPECT_GT(*changed[0].reference_part, 0);
  EXPECT_LT(*changed[0].reference_part, 1);
  EXPECT_TRUE(picture_of(arrays::Array({ElementType::f32, Shape{1, 12}}), Shape{12}).picture.empty());
}

}  // namespace
}  // namespace lowbit::eval
