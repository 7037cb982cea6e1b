// SPDX-License-Identifier: Apache-2.0
// The loss that moments give is the error over the samples that they are of.
#include "lowbit/recover/output_error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lowbit/quant/affine.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/recover/capture.h"
#include "lowbit/recover/coordinate_descent.h"
#include "lowbit/recover/gptq.h"
#include "lowbit/recover/qronos.h"
#include "recover/capture_network.h"
#include "recover/random_layer.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::random_layer;
using testing::RandomLayer;
using testing::says;
using testing::values_of;

TEST(OutputError, IsTheMeanSquareOverSamples) {
  const RandomLayer layer = random_layer(5, 21, 1);
  const QuantizedMatrix q = quantize(layer.view(), Affine<3>{});
  const std::vector<OutputError> alone{layer.alone()}, cross{layer.with_cross()};
  const double plain = layer.error_of(values_of(q), false), shifted = layer.error_of(values_of(q), true);
  EXPECT_NEAR(output_loss(layer.view(), q, alone), plain, 1e-12 * plain);
  EXPECT_NEAR(output_loss(layer.view(), q, cross), shifted, 1e-10 * shifted);
  EXPECT_EQ(output_loss(layer.view(), q, cross, 3), output_loss(layer.view(), q, cross));
}

TEST(OutputError, OfTheBestRealWeightsWithoutTheOriginalMoment) {
  const RandomLayer layer = random_layer(3, 12, 2);
  std::vector<OutputError> errors{layer.with_cross()};
  const QuantizedMatrix q = quantize(layer.view(), Affine<2>{});
  const double full = output_loss(layer.view(), q, errors);
  errors[0].original_moment.clear();
  const double excess = output_loss(layer.view(), q, errors);
  EXPECT_GT(excess, 0);
  EXPECT_LT(excess, full);
  // Of two matrices the difference is the same either way.
  const QuantizedMatrix other = quantize(layer.view(), Affine<3>{});
  const double excess_of_other = output_loss(layer.view(), other, errors);
  EXPECT_NEAR(excess - excess_of_other, full - layer.error_of(values_of(other), true), 1e-8 * full);
  EXPECT_GE(excess_of_other, 0);
}

/// Another network of the same shape.
Model shifted_network() {
  Graph graph = testing::capture_graph();
  for (Graph::Node& node : graph.nodes)
    if (auto* conv = std::get_if<ops::Conv2dOp>(&node.op))
      for (float& w : conv->weight.data) w *= 0.9f;
  return Model(graph);
}

// Captured with the quantized model first, the moments of a layer of groups give the errors over its rows.
TEST(OutputError, OfACapture) {
  const Model original{testing::capture_graph()}, quantized = shifted_network();
  const Tensor samples = testing::capture_samples(testing::capture_graph(), 6);
  const CaptureOptions options{.other = original, .sampled_rows = 100000};
  const LayerStats stats = capture(quantized, std::vector<Tensor>{samples}, options);
  const LayerStats plain = capture(original, std::vector<Tensor>{samples});
  for (const char* name : {"grouped", "depthwise", "fc"}) {
    SCOPED_TRACE(name);
    const LayerMoments& moments = stats.layer(name);
    const std::int64_t groups = moments.groups(), n = moments.columns(), rows = moments.channels();
    const RandomLayer layer = random_layer(rows, n, 7);
    const QuantizedMatrix q = quantize(layer.view(), Affine<3>{});
    const std::vector<float> reals = values_of(q);
    const SampledRows sampled = moments.sampled_rows();
    ASSERT_EQ(sampled.count * groups, moments.rows() * groups);
    double expected = 0;
    for (std::int64_t s = 0; s < sampled.count; ++s)
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t g = r / (rows / groups);
        double difference = 0;
        for (std::int64_t c = 0; c < n; ++c) {
          const auto at = static_cast<std::size_t>((s * groups + g) * n + c),
                     w = static_cast<std::size_t>(r * n + c);
          difference +=
              double(layer.weights[w]) * double(sampled.other[at]) - double(reals[w]) * double(sampled.x[at]);
        }
        expected += difference * difference / double(sampled.count);
      }
    const std::vector<OutputError> errors = output_errors(moments, &plain.layer(name));
    ASSERT_EQ(errors.size(), static_cast<std::size_t>(groups));
    EXPECT_NEAR(output_loss(layer.view(), q, errors), expected, 1e-9 * expected);
    // Rounders take moments and a quantizer as they are.
    const RoundingReport g = gptq(layer.view(), Affine<3>{}, moments).report;
    const RoundingReport p = qronos(layer.view(), Affine<3>{}, moments).report;
    const RoundingReport d = coordinate_descent(layer.view(), Affine<3>{}, moments).report;
    EXPECT_LT(p.loss_after, g.loss_after);
    EXPECT_LE(d.loss_after, p.loss_after * (1 + 1e-9));
  }
  EXPECT_TRUE(
      says(error_of([&] { static_cast<void>(output_errors(stats.layer("fc"), &plain.layer("mixed"))); },
                    ErrorCode::shape_mismatch),
           {"fc"}));
}

TEST(OutputError, ImportanceIsTheDiagonal) {
  const RandomLayer a = random_layer(2, 6, 3), b = random_layer(2, 6, 4);
  const std::vector<OutputError> errors{a.alone(), b.alone()};
  const std::vector<float> importance = input_importance(errors, 4);
  ASSERT_EQ(importance.size(), 24u);
  EXPECT_EQ(importance[6 + 2], static_cast<float>(errors[0].second_moment[2 * 6 + 2]));
  EXPECT_EQ(importance[18 + 5], static_cast<float>(errors[1].second_moment[5 * 6 + 5]));
}

// With inputs that are not correlated, the exact k-means by that importance has the least output error: less
// than without it, in every row.
TEST(OutputError, ImportanceMakesKMeansBetter) {
  RandomLayer layer = random_layer(4, 40, 5, 0.0, 4000);
  OutputError error = layer.alone();
  for (std::int64_t i = 0; i < 40; ++i)
    for (std::int64_t j = 0; j < 40; ++j)
      if (i != j) error.second_moment[static_cast<std::size_t>(i * 40 + j)] = 0;
  const std::vector<OutputError> errors{error};
  const std::vector<float> v = input_importance(errors, 4);
  const auto weighted = values_of(quantize(layer.view(), KMeans<3>{}, {v.data(), 4, 40}));
  const auto plain = values_of(quantize(layer.view(), KMeans<3>{}));
  const auto a = output_losses(layer.view(), {weighted.data(), 4, 40}, errors);
  const auto b = output_losses(layer.view(), {plain.data(), 4, 40}, errors);
  for (std::size_t r = 0; r < 4; ++r) EXPECT_LT(a[r], b[r]);
}

TEST(OutputError, RefusesWhatCannotBe) {
  RandomLayer layer = random_layer(4, 5, 6);
  const std::vector<float> values = layer.weights;
  const MatrixView same(values.data(), 4, 5);
  std::vector<OutputError> errors{layer.alone()};
  const auto refusal = [&](ErrorCode code) {
    return error_of([&] { static_cast<void>(output_losses(layer.view(), same, errors)); }, code);
  };
  errors.resize(3, errors[0]);
  EXPECT_TRUE(says(refusal(ErrorCode::shape_mismatch), {"3 output errors", "4 rows"}));
  errors.resize(1);
  errors[0].second_moment[7] = std::nan("");
  EXPECT_TRUE(says(refusal(ErrorCode::invalid_argument), {"(1, 2)", "second moment", "nan"}));
  errors[0].second_moment.pop_back();
  EXPECT_TRUE(says(refusal(ErrorCode::shape_mismatch), {"24 elements", "25"}));
  errors[0] = layer.alone();
  errors[0].second_moment[6] = -1;
  EXPECT_TRUE(says(refusal(ErrorCode::invalid_argument), {"column 1", "-1"}));
  errors[0].columns = 4;
  EXPECT_TRUE(says(refusal(ErrorCode::shape_mismatch), {"4 columns", "5"}));
  errors[0] = layer.alone();
  layer.weights[8] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(says(refusal(ErrorCode::invalid_argument), {"weight (1, 3)", "inf"}));
}

}  // namespace
}  // namespace lowbit
