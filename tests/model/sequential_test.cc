// SPDX-License-Identifier: Apache-2.0
// Networks written in code: the values of their definition, names, and sentences for what does not fit.
#include <gtest/gtest.h>

#include <Eigen/Core>
#include <cmath>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/sequential.h"
#include "support/error_of.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;

class SequentialNetwork : public ::testing::Test {
 protected:
  Tensor tensor(const Shape& shape) {
    Tensor t(shape);
    for (float& v : t.data) v = random_.uniform();
    return t;
  }
  std::vector<float> floats(std::int64_t count, float around = 0.0f) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = around + 0.5f * random_.uniform();
    return values;
  }
  /// A classifier with a residual unit.
  Sequential classifier() {
    Sequential body({8, 6, 6});
    body.add(nn::Conv2d{.weight = tensor({8, 1, 3, 3}), .padding = 1, .groups = 8}, "depthwise")
        .add(nn::BatchNorm{
            .gamma = floats(8, 1), .beta = floats(8), .mean = floats(8), .variance = floats(8, 1)})
        .add(nn::HardSwish{});
    const Eigen::MatrixXf head = Eigen::MatrixXf::Random(5, 8);
    return Sequential({3, 12, 12}, "image")
        .add(nn::Conv2d{.weight = tensor({8, 3, 3, 3}), .bias = floats(8), .stride = 2, .padding = {1, 1}})
        .add(nn::Relu6{})
        .add_residual(body, "unit")
        .add(nn::MaxPool2d{.kernel = 2})
        .add(nn::GlobalAveragePool2d{})
        .add(nn::Flatten{})
        .add(nn::Linear{.weight = head * 2.0f, .bias = Eigen::VectorXf::Ones(5) * 0.1f})
        .add(nn::Softmax{}, "probabilities");
  }

  testing::Random random_{3};
};

TEST_F(SequentialNetwork, GivesTheValuesOfItsDefinition) {
  const Sequential network = classifier();
  const Model model = network.model("classifier");
  ASSERT_EQ(model.input_shape(), (Shape{3, 12, 12}));
  ASSERT_EQ(model.output_shape(), Shape{5});
  Graph graph = network.graph();
  graph.outputs = {static_cast<ValueId>(graph.values.size()) - 1};
  const Tensor in = tensor({1, 3, 12, 12});
  testing::Sample sample{Shape{3, 12, 12}, {in.data.begin(), in.data.end()}};
  const auto expected = testing::interpret(graph, std::span(&sample, 1));
  Tensor out(Shape{1, 5});
  Workspace workspace(model);
  run(model, in, out, workspace);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(out.data[i], expected[0].data[i], 1e-5);
}

TEST_F(SequentialNetwork, BatchNormIsItsFormula) {
  const Sequential network = Sequential({2}).add(nn::BatchNorm{.gamma = std::vector<float>{2, 3},
                                                               .beta = std::vector<float>{1, -1},
                                                               .mean = std::vector<float>{0.5f, 4},
                                                               .variance = std::vector<float>{4, 0},
                                                               .epsilon = 0.25});
  const Model model = network.model();
  Tensor in(Shape{1, 2}, {1.5f, 5.0f}), out(Shape{1, 2});
  Workspace workspace(model);
  run(model, in, out, workspace);
  EXPECT_NEAR(out.data[0], 2 * (1.5 - 0.5) / std::sqrt(4.25) + 1, 1e-6);
  EXPECT_NEAR(out.data[1], 3 * (5.0 - 4.0) / std::sqrt(0.25) - 1, 1e-6);
}

TEST_F(SequentialNetwork, WeightsMayBeEigensOfAnyOrder) {
  const Eigen::MatrixXf by_columns = Eigen::MatrixXf::Random(4, 6);
  const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_rows = by_columns;
  const Sequential a = Sequential({6}).add(nn::Linear{.weight = by_columns}),
                   b = Sequential({6}).add(nn::Linear{.weight = by_rows});
  EXPECT_EQ(std::get<ops::LinearOp>(a.graph().nodes[0].op).weight,
            std::get<ops::LinearOp>(b.graph().nodes[0].op).weight);
}

TEST_F(SequentialNetwork, QuantizesAndNamesItsNodes) {
  const Model fp32 = classifier().model("classifier");
  std::vector<std::string> names;
  for (const Graph::Node& node : fp32.graph().nodes) names.push_back(node.name);
  EXPECT_EQ(names.front(), "0_conv2d");
  EXPECT_EQ(names.back(), "probabilities");
  EXPECT_NE(std::find(names.begin(), names.end(), "unit/depthwise"), names.end());
  const Model int8 =
      quantize(fp32, calibrate(fp32, std::vector<Tensor>{tensor({16, 3, 12, 12})}), {.scheme = "int8"});
  const ModelComparison r = compare(fp32, int8, std::vector<Tensor>{tensor({8, 3, 12, 12})});
  EXPECT_GT(r.outputs[0].error.sqnr_db, 25.0);
}

TEST_F(SequentialNetwork, SaysWhatDoesNotFit) {
  const auto sentence = [](auto&& build, ErrorCode code = ErrorCode::shape_mismatch) {
    return error_of(build, code);
  };
  const Tensor w = tensor({4, 3, 3, 3});
  EXPECT_TRUE(says(sentence([&] {
                     Sequential({2, 8, 8}).add(nn::Conv2d{.weight = w}, "first");
                   }),
                   {"layer 'first'"}));
  EXPECT_TRUE(says(sentence([&] {
                     Sequential({3, 8, 8}).add(nn::Conv2d{.weight = w, .bias = floats(3)});
                   }),
                   {"layer '0_conv2d'", "3 elements", "4 outputs"}));
  EXPECT_TRUE(says(sentence([&] {
                     Sequential({3, 8, 8}).add(nn::Conv2d{.weight = tensor({4, 27})});
                   }),
                   {"layer '0_conv2d'", "4x27"}));
  EXPECT_TRUE(says(sentence([&] { Sequential({3}).add(nn::BatchNorm{.gamma = floats(3)}); }),
                   {"layer '0_batch_norm'", "need 3 elements each, not 0"}));
  EXPECT_TRUE(
      says(sentence([&] { Sequential({4}).add_residual(Sequential({5}), "unit"); }), {"layer 'unit'"}));
  EXPECT_TRUE(says(sentence([&] { Sequential({4}).add(nn::Relu{}, "a").add(nn::Relu{}, "a"); },
                            ErrorCode::invalid_argument),
                   {"an input 'a' already"}));
  const Sequential body = Sequential({4}).add(nn::Relu{}, "shortcut/a"),
                   shortcut = Sequential({4}).add(nn::Relu{}, "a");
  EXPECT_TRUE(says(sentence([&] { Sequential({4}).add(nn::Relu{}, "unit").add_residual(body, "unit"); },
                            ErrorCode::invalid_argument),
                   {"an input 'unit' already"}));
  EXPECT_TRUE(says(
      sentence([&] { Sequential({4}).add_residual(body, shortcut, "unit"); }, ErrorCode::invalid_argument),
      {"an input 'unit/shortcut/a' already"}));
  EXPECT_TRUE(
      says(sentence([&] { Sequential({4}).model(); }, ErrorCode::invalid_argument), {"needs a layer"}));
}

TEST_F(SequentialNetwork, WhatDoesNotFitChangesNothing) {
  Sequential network({3, 8, 8});
  network.add(nn::Relu{});
  error_of([&] { network.add(nn::Linear{.weight = Eigen::MatrixXf::Ones(2, 5)}); },
           ErrorCode::shape_mismatch);
  EXPECT_EQ(network.graph().nodes.size(), 1u);
  EXPECT_EQ(network.shape(), (Shape{3, 8, 8}));
}

}  // namespace
}  // namespace lowbit
