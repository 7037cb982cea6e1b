// SPDX-License-Identifier: Apache-2.0
// Equalization of trained networks: the glyphs' network, and ResNet-20 on CIFAR-10 where the shared data is.
// Prints what one scale for a whole weight gains by it.
#include <gtest/gtest.h>

#include <cmath>

#include "data/demo_model.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/recover/equalize.h"
#include "recover/resnet20.h"
#include "support/random.h"

namespace lowbit {
namespace {

std::vector<float> outputs(const Model& model, const std::vector<Tensor>& images) {
  std::vector<float> all;
  Workspace workspace(model);
  Tensor out(Shape{1, model.output_shape()[0]});
  for (const Tensor& image : images) {
    run(model, image, out, workspace);
    all.insert(all.end(), out.data.begin(), out.data.end());
  }
  return all;
}

double sqnr(const Model& of, const Model& model, const std::vector<Tensor>& images) {
  const std::vector<float> want = outputs(of, images), got = outputs(model, images);
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double miss = double{want[i]} - double{got[i]};
    signal += double{want[i]} * double{want[i]};
    error += miss * miss;
  }
  return 10 * std::log10(signal / error);
}

Tensor joined(const std::vector<Tensor>& images) {
  Tensor all(Shape{std::int64_t(images.size()), 3, 32, 32});
  all.data.clear();
  for (const Tensor& image : images) all.data.insert(all.data.end(), image.data.begin(), image.data.end());
  return all;
}

TEST(EqualizeTrained, GlyphsComputeTheSame) {
  const Model model = data::load_demo_model();
  testing::Random random(1);
  std::vector<Tensor> images(4, Tensor(Shape{1, 1, 28, 28}));
  for (Tensor& image : images)
    for (float& x : image.data) x = std::fabs(random.uniform());
  EqualizeReport report;
  EXPECT_GE(sqnr(model, equalize(model, {}, &report), images), 100);
  EXPECT_GT(report.groups, 0u);
  EXPECT_LT(report.log_ranges_after, report.log_ranges_before);
}

TEST(EqualizeTrained, ResNet20ComputesTheSame) {
  LOWBIT_REQUIRE_SHARED(testing::kNet);
  LOWBIT_REQUIRE_SHARED(testing::kData);
  const Model model = load_onnx(testing::shared_data(testing::kNet).string());
  const std::vector<Tensor> all = testing::images(model, 160);
  const std::vector<Tensor> learned(all.begin(), all.begin() + 96), unseen(all.begin() + 96, all.end());
  const ChannelStats stats = channel_stats(model, joined(learned));
  EqualizeReport report;
  AbsorbReport absorbed;
  const Model by_weights = equalize(model), with_values = equalize(model, {.stats = &stats}, &report),
              less_bias = absorb_biases(model, stats, {}, &absorbed);
  EXPECT_GE(sqnr(model, by_weights, unseen), 100);
  EXPECT_GE(sqnr(model, with_values, unseen), 100);
  EXPECT_EQ(report.fixed.size(), 1u) << "the network's output alone";
  // Those within the blocks, and 64 between them: shortcuts that pad hand the 16 channels of the first three
  // blocks on to the 32 of the next, and those to the 64 of the last.
  EXPECT_EQ(report.groups, 3u * (16 + 32 + 64) + 64);
  RecordProperty("absorbed", std::to_string(absorbed.absorbed.size()));
  for (const char* scheme : {"int8-tensor", "int4-tensor"}) {
    const auto quantized = [&](const Model& m) {
      return sqnr(model, quantize(m, calibrate(m, learned), {.scheme = scheme}), unseen);
    };
    const double plain = quantized(model), weights = quantized(by_weights), values = quantized(with_values);
    RecordProperty(scheme, std::to_string(plain) + " " + std::to_string(weights) + " " +
                               std::to_string(values) + " " + std::to_string(quantized(less_bias)));
  }
}

}  // namespace
}  // namespace lowbit
