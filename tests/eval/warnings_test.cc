// SPDX-License-Identifier: Apache-2.0
#include "eval/warnings.h"

#include <gtest/gtest.h>

#include <limits>

#include "data/demo_model.h"
#include "data/file_bytes.h"
#include "support/random.h"
#include "support/temporary_folder.h"

namespace lowbit::eval {
namespace {

using lowbit::testing::Random;
using lowbit::testing::TemporaryFolder;

TEST(OutputSpread, ConstantOverSamples) {
  OutputSpread spread;
  EXPECT_FALSE(spread.is_constant());
  const std::vector<float> first{1, -2000}, near{1.0005f, -2000}, other{1.01f, -2000};
  spread.add(first);
  EXPECT_FALSE(spread.is_constant()) << "one sample";
  spread.add(near);
  EXPECT_TRUE(spread.is_constant());
  spread.add(other);
  EXPECT_FALSE(spread.is_constant());
  OutputSpread zeros;
  zeros.add(std::vector<float>{0});
  zeros.add(std::vector<float>{0});
  EXPECT_TRUE(zeros.is_constant());
}

TEST(ChanceWarning, ComparesWithTheMostFrequentLabel) {
  // 100 labels, 40 of them 0: chance is 40, two deviations are 9.8.
  std::vector<std::int64_t> labels(100);
  for (std::size_t i = 40; i < 100; ++i) labels[i] = 1 + static_cast<std::int64_t>(i % 3);
  EXPECT_NE(chance_warning(labels, 10, 4).find("on 10.0 %"), std::string::npos);
  EXPECT_NE(chance_warning(labels, 49, 4).find("guessing would be on 40.0 %"), std::string::npos);
  EXPECT_EQ(chance_warning(labels, 50, 4), "");
  EXPECT_EQ(chance_warning(std::vector<std::int64_t>(19), 0, 4), "") << "too few to tell";
  // One label alone: against one of the classes, 25 of 100.
  EXPECT_NE(chance_warning(std::vector<std::int64_t>(100, 3), 30, 4), "");
  EXPECT_EQ(chance_warning(std::vector<std::int64_t>(100, 3), 100, 4), "");
}

TEST(InputWarning, BytesAndFractions) {
  EXPECT_EQ(input_warning({"conv", 0, 1, 0.5}), "");
  EXPECT_EQ(input_warning({"conv", 0, 255, 0.5}), "") << "a layer for bytes";
  EXPECT_EQ(input_warning({"conv", -60, 70, 0.001}), "") << "no bytes";
  EXPECT_EQ(input_warning({"conv", -2, 2, 0.001}), "");
  EXPECT_EQ(input_warning({"conv", 0, 1, 20}), "");
  const std::string large = input_warning({"conv", 0, 255, 0.004});
  EXPECT_NE(large.find("0 to 255 are far larger"), std::string::npos) << large;
  EXPECT_NE(large.find("'conv'"), std::string::npos) << large;
  EXPECT_NE(input_warning({"conv", 0, 1, 200}).find("far smaller"), std::string::npos);
}

/// y = w x + b of 2 x 2, and the samples 1 to 4 in each feature.
TEST(FirstLayer, BiasesOverSpreads) {
  const TemporaryFolder folder;
  folder.write("x.npy", data::npy_file({4, 2}, {1, 10, 2, 20, 3, 30, 4, 40}));
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{2})};
  ops::LinearOp linear;
  linear.weight = Tensor(Shape{2, 2}, {2, 0, 0, 1});
  linear.bias = {3, 4};
  linear.activation.lo = 0.0f;
  graph.outputs = {graph.add_node("last", ops::SoftmaxOp{}, {graph.add_node("fc", linear, graph.inputs)})};
  const Model model{Graph(graph)};
  const data::DataOptions options{.data = "npy:" + folder.path(), .labels = {}, .preprocess = {}};
  const data::Samples samples(options, data::Split::evaluation, data::inputs_of(model), 0, 0);
  const auto layer = measure_first_layer(model, samples);
  ASSERT_TRUE(layer);
  EXPECT_EQ(layer->name, "fc");
  EXPECT_EQ(layer->least, 1);
  EXPECT_EQ(layer->most, 40);
  // Of 1 to 4 the variance is 1.25: of the sums 4 x 1.25 and 100 x 1.25; biases: mean square 12.5.
  EXPECT_NEAR(layer->bias_ratio, std::sqrt(12.5 / (52 * 1.25)), 1e-5);
  linear.bias = {0, 0};
  std::get<ops::LinearOp>(graph.nodes[0].op) = linear;
  EXPECT_FALSE(measure_first_layer(Model(std::move(graph)), samples)) << "no biases to compare with";
}

#ifdef LOWBIT_WITH_ONNX
// A trained network: nothing is said of the data it was trained on, and something of the same as bytes.
TEST(FirstLayer, OfTheDemoNetwork) {
  const Model model = data::load_demo_model();
  const auto warning = [&](const char* preprocess) {
    const data::DataOptions options{.data = "glyphs", .labels = {}, .preprocess = preprocess};
    const data::Samples samples(options, data::Split::evaluation, data::inputs_of(model), 40, 0);
    const auto layer = measure_first_layer(model, samples);
    return layer ? input_warning(*layer) : "no layer";
  };
  EXPECT_EQ(warning(""), "");
  EXPECT_NE(warning("scale=255").find("far larger"), std::string::npos);
  EXPECT_NE(warning("scale=1/255").find("far smaller"), std::string::npos);
}
#endif

}  // namespace
}  // namespace lowbit::eval
