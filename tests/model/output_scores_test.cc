// SPDX-License-Identifier: Apache-2.0
#include "model/output_scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/layers/pointwise.h"

namespace lowbit {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Argmax, FirstOfEqualsAndNeverNanUnlessAllAre) {
  EXPECT_EQ(argmax(std::vector<float>{1, 3, 3}), 1);
  EXPECT_EQ(argmax(std::vector<float>{-2, -1, -3}), 1);
  EXPECT_EQ(argmax(std::vector<float>{kNan, -5}), 1);
  EXPECT_EQ(argmax(std::vector<float>{kNan, -kInfinity}), 1);
  EXPECT_EQ(argmax(std::vector<float>{-7, kNan, -6}), 2);
  EXPECT_EQ(argmax(std::vector<float>{kNan, kNan}), 0);
}

/// One ReLU of `features` numbers.
Model relu_model(std::int64_t features) {
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{features})};
  graph.outputs = {graph.add_node("y", ops::ClampOp{.activation = {.lo = 0}}, graph.inputs)};
  return Model(std::move(graph));
}

TEST(OutputScores, AddUpOverBatches) {
  const std::vector<float> reference{1, 2, 3, 4, 6, 5}, other{1, 2, 3, 4, 5, 6};
  OutputScores scores(relu_model(3));
  const float* a[] = {reference.data()};
  const float* b[] = {other.data()};
  scores.add(a, b, 1);
  const float* c[] = {reference.data() + 3};
  const float* d[] = {other.data() + 3};
  scores.add(c, d, 1);
  const ModelComparison result = scores.result();
  EXPECT_EQ(result.samples, 2);
  EXPECT_EQ(result.agree, 1);
  ASSERT_EQ(result.outputs.size(), 1u);
  EXPECT_EQ(result.outputs[0].name, "y");
  EXPECT_EQ(result.outputs[0].error.count, 6);
  EXPECT_DOUBLE_EQ(result.outputs[0].error.mse, 2.0 / 6);
}

// (1, 0) against (1, 1), and (0, 2) against itself: 1 / sqrt 2 and 1.
TEST(OutputScores, MeanCosineIsOverSamples) {
  const std::vector<float> reference{1, 0, 0, 2, kNan, kNan}, other{1, 1, 0, 2, 1, 1};
  OutputScores scores(relu_model(2));
  const float* a[] = {reference.data()};
  const float* b[] = {other.data()};
  scores.add(a, b, 3);
  EXPECT_NEAR(scores.result().outputs[0].mean_cosine, (1 + std::sqrt(0.5)) / 2, 1e-12);
}

TEST(OutputScores, ModelsToCompareHaveTheSameOutputs) {
  EXPECT_NO_THROW(require_same_outputs(relu_model(3), relu_model(3)));
  EXPECT_THROW(require_same_outputs(relu_model(3), relu_model(4)), Error);
}

}  // namespace
}  // namespace lowbit
