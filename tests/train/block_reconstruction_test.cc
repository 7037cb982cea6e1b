// SPDX-License-Identifier: Apache-2.0
// Block reconstruction: where blocks are cut, that weights keep to two values of their grid, and what whole
// networks gain on samples that were not seen.
#include "lowbit/train/block_reconstruction.h"

#include <gtest/gtest.h>

#include <cmath>

#include "finite_differences.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/sequential.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/make_quantizer.h"
#include "support/error_of.h"
#include "train/block_parts.h"
#include "train/rounded_weights.h"

namespace lowbit::testing {
namespace {

nn::Conv2d block_layer(Random& r, std::int64_t in, std::int64_t out) {
  return {.weight = Tensor(Shape{out, in, 3, 3},
                           random_values(r, out * in * 9, 1.0f / std::sqrt(3.0f * float(in)))),
          .bias = random_values(r, out, 0.2f),
          .padding = 1};
}

/// first -> a residual unit -> a pool -> last
Model network_of_blocks() {
  Random r(7);
  Sequential body(Shape{8, 8, 8});
  body.add(block_layer(r, 8, 8), "inner1").add(nn::Relu{}).add(block_layer(r, 8, 8), "inner2");
  return Sequential({3, 8, 8})
      .add(block_layer(r, 3, 8), "first")
      .add(nn::Relu{})
      .add_residual(body)
      .add(nn::Relu{})
      .add(nn::GlobalAveragePool2d{})
      .add(nn::Flatten{})
      .add(nn::Linear{.weight = Tensor(Shape{5, 8}, random_values(r, 40, 0.5f)),
                      .bias = random_values(r, 5, 0.1f)},
           "last")
      .model();
}

/// Smooth, so that the values of a layer are correlated.
Tensor block_images(std::int64_t n, std::uint64_t seed) {
  Random r(seed);
  Tensor t(Shape{n, 3, 8, 8});
  for (std::int64_t i = 0; i < 3 * n; ++i) {
    const float level = r.gaussian(), dx = 0.3f * r.gaussian(), dy = 0.3f * r.gaussian();
    for (std::int64_t p = 0; p < 64; ++p)
      t.data[static_cast<std::size_t>(64 * i + p)] =
          level + dx * static_cast<float>(p % 8) + dy * static_cast<float>(p / 8) + 0.2f * r.gaussian();
  }
  return t;
}

double block_error(const Model& model, const Model& fp32, const Tensor& images) {
  const auto outputs = [&](const Model& m) {
    Tensor y(Shape{images.shape[0], 5});
    Workspace workspace(m, {.batch = images.shape[0]});
    run(m, images, y, workspace);
    return y.data;
  };
  const std::vector<float> got = outputs(model), want = outputs(fp32);
  double error = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    error += (double{got[i]} - double{want[i]}) * (double{got[i]} - double{want[i]});
  return error;
}

BlockReconstruction few_steps(int threads = 1) {
  BlockReconstruction how{.iterations = 200, .batch = 16, .rate = 4e-3};
  how.before.samples = 80, how.before.products = 0, how.before.steps = {RecoveryStep::wide};
  how.before.threads = threads;
  return how;
}

class Blocks : public ::testing::Test {
 protected:
  const Model fp32 = network_of_blocks();
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{block_images(96, 1)});
};

TEST_F(Blocks, AreResidualUnitsAndLayersThatNothingBypasses) {
  for (const bool wide : {false, true}) {
    const Model quantized = quantize(fp32, table, {.scheme = "int4-a4", .wide_sums = wide});
    const train::QuantizedGraph graph = train::quantized_graph(fp32, quantized);
    const std::vector<train::Block> blocks = train::cut_blocks(fp32, quantized, graph);
    ASSERT_EQ(blocks.size(), 3u);
    const auto layers = [](const Graph& of, const train::GraphPart& part) {
      std::vector<std::string> names;
      for (std::size_t n = part.first; n < part.last; ++n)
        if (ops::has_weights(of.nodes[n].op)) names.push_back(of.nodes[n].name);
      return names;
    };
    const std::vector<std::vector<std::string>> want{{"first"}, {"2_add/inner1", "2_add/inner2"}, {"last"}};
    for (std::size_t b = 0; b < 3; ++b) {
      EXPECT_EQ(layers(fp32.graph(), blocks[b].fp32), want[b]);
      EXPECT_EQ(layers(graph.graph, blocks[b].quantized), want[b]);
    }
    EXPECT_EQ(blocks.back().quantized.last, graph.graph.nodes.size());
    EXPECT_EQ(blocks[1].fp32.input, blocks[0].fp32.output);
  }
}

TEST(RoundedWeights, BeginAsTheCodesOfTheGridAndMoveToTheNextValue) {
  Random r(3);
  const Tensor weights(Shape{4, 6}, random_values(r, 24, 0.5f));
  const MatrixView view(weights.data.data(), 4, 6, 6, 1);
  const WeightGrid grid(view, make_quantizer("int3"));
  train::RoundedWeights rounded(grid, weights, false);
  std::vector<float> positions(24), used(24), gradient(24, 1.0f);
  rounded.start(positions);
  rounded.forward(positions, used);
  const std::vector<std::int64_t> columns = train::column_order(weights.shape);
  const std::vector<double> ones(4, 1.0);
  const auto value = [&](std::size_t i, int choice) {
    return grid.value(static_cast<std::int64_t>(i / 6), static_cast<std::int64_t>(i % 6), choice);
  };
  for (std::size_t i = 0; i < 24; ++i) EXPECT_EQ(used[i], value(i, grid.start()[i]));
  rounded.backward(positions, gradient);
  for (float& p : positions) p = p < 0.5f ? 0.75f : 0.25f;
  rounded.forward(positions, used);
  for (std::size_t i = 0; i < 24; ++i) {
    const int now = grid.start()[i], next = used[i] > value(i, now) ? now + 1 : now - 1;
    EXPECT_EQ(used[i], value(i, next));
    EXPECT_FLOAT_EQ(gradient[i], std::fabs(value(i, next) - value(i, now)));
  }
  std::vector<float> made(24);
  dequantize(rounded.codes(positions, ones, columns), MutableMatrixView(made.data(), 4, 6, 6, 1));
  EXPECT_EQ(made, used);
}

TEST(RoundedWeights, StayWhereTheyHaveTo) {
  Random r(4);
  const Tensor weights(Shape{2, 8}, random_values(r, 16, 0.5f));
  const WeightGrid grid(MatrixView(weights.data.data(), 2, 8, 8, 1), make_quantizer("int4"));
  train::RoundedWeights rounded(grid, weights, true);
  std::vector<float> used(16), gradient(16, 1.0f);
  const std::vector<float> positions(16, 1.0f);
  rounded.forward(positions, used);
  rounded.backward(positions, gradient);
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(used[i], grid.value(std::int64_t(i / 8), std::int64_t(i % 8), grid.start()[i]));
    EXPECT_EQ(gradient[i], 0.0f);
  }
}

TEST_F(Blocks, LowerTheErrorOnSamplesThatWereNotSeen) {
  const Tensor unseen = block_images(64, 2);
  for (const char* scheme : {"int2-a4", "int3-a3", "nf4-a4", "int4-g4-a4"}) {
    SCOPED_TRACE(scheme);
    BlockReconstruction how = few_steps();
    RecoveryReport report;
    how.before.report = &report;
    std::size_t blocks_done = 0;
    how.before.progress = [&](const RecoveryProgress& p) {
      blocks_done = p.layer;
      return true;
    };
    const Model before = quantize(fp32, table, {.scheme = scheme, .recover = recover(few_steps().before)}),
                after = quantize(fp32, table, {.scheme = scheme, .recover = reconstruct_blocks(how)});
    EXPECT_LT(block_error(after, fp32, unseen), 0.85 * block_error(before, fp32, unseen));
    ASSERT_FALSE(report.network.empty());
    const RecoveryReport::Step& said = report.network.back();
    EXPECT_EQ(said.name, "brecq");
    EXPECT_TRUE(said.kept);
    EXPECT_GT(said.sqnr_after, said.sqnr_before);
    EXPECT_EQ(blocks_done, 3u);
  }
}

TEST_F(Blocks, AreTheSameBytesForAnyNumberOfThreads) {
  const auto bytes = [&](int threads) {
    BlockReconstruction how = few_steps(threads);
    how.iterations = 20;
    return save_to_bytes(quantize(fp32, table, {.scheme = "int3-a4", .recover = reconstruct_blocks(how)}));
  };
  EXPECT_EQ(bytes(1), bytes(3));
}

TEST_F(Blocks, RefuseWhatCannotBeLearned) {
  BlockReconstruction how = few_steps();
  EXPECT_TRUE(says(
      error_of([&] { quantize(fp32, table, {.scheme = "int4-dynamic", .recover = reconstruct_blocks(how)}); },
               ErrorCode::unsupported),
      {"no ranges of their own"}));
  how.original_inputs = 1.5;
  EXPECT_TRUE(says(error_of([&] { reconstruct_blocks(how); }, ErrorCode::invalid_argument), {"1.5"}));
}

TEST_F(Blocks, StopWhereProgressSaysSo) {
  BlockReconstruction how = few_steps();
  how.iterations = 2;
  how.before.progress = [](const RecoveryProgress& p) { return p.layer < 2; };
  EXPECT_TRUE(
      says(error_of([&] { quantize(fp32, table, {.scheme = "int4-a4", .recover = reconstruct_blocks(how)}); },
                    ErrorCode::cancelled),
           {"after block 2 of 3"}));
}

}  // namespace
}  // namespace lowbit::testing
