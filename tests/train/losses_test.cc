// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "finite_differences.h"
#include "support/error_of.h"

namespace lowbit::testing {
namespace {

/// Outputs as doubles in a float tensor: steps are powers of two, so that the difference is the one taken.
void check_loss(const std::function<double(const TensorView&, const MutableTensorView&)>& loss) {
  Random random(3);
  Tensor outputs(Shape{4, 5}, random_values(random, 20, 1.0f)), gradient(Shape{4, 5}), ignored(Shape{4, 5});
  for (float& x : outputs.data) x = std::round(x * 4096) / 4096;
  loss(outputs, gradient);
  for (std::size_t i = 0; i < outputs.data.size(); ++i) {
    const float x = outputs.data[i];
    double sides[2];
    for (const int side : {0, 1}) {
      outputs.data[i] = side ? x + 0x1p-10f : x - 0x1p-10f;
      sides[side] = loss(outputs, ignored);
    }
    outputs.data[i] = x;
    EXPECT_NEAR(static_cast<double>(gradient.data[i]), (sides[1] - sides[0]) / 0x1p-9, 2e-7) << i;
  }
}

TEST(Losses, GradientsAreThoseOfCentralDifferences) {
  const std::vector<std::int64_t> labels{0, 3, 4, 3};
  Random random(4);
  const Tensor other(Shape{4, 5}, random_values(random, 20, 1.0f));
  check_loss(
      [&](const TensorView& y, const MutableTensorView& g) { return softmax_cross_entropy(y, labels, g); });
  check_loss([&](const TensorView& y, const MutableTensorView& g) {
    return softmax_cross_entropy(y, labels, g, 0.1);
  });
  check_loss(
      [&](const TensorView& y, const MutableTensorView& g) { return mean_squared_error(y, other, g); });
  check_loss([&](const TensorView& y, const MutableTensorView& g) { return distillation(y, other, g, 4); });
}

TEST(Losses, ValuesOfKnownCases) {
  Tensor zeros(Shape{2, 4}), gradient(Shape{2, 4});
  const std::vector<std::int64_t> labels{1, 2};
  EXPECT_NEAR(softmax_cross_entropy(zeros, labels, gradient), std::log(4.0), 1e-12);
  EXPECT_EQ(gradient.data[0], 0.125f);
  EXPECT_EQ(gradient.data[1], -0.375f);
  EXPECT_EQ(distillation(zeros, zeros, gradient, 3), 0.0);
  Tensor ones(Shape{2, 4}, std::vector<float>(8, 1.0f));
  EXPECT_EQ(mean_squared_error(ones, zeros, gradient), 1.0);
  EXPECT_EQ(gradient.data[5], 0.25f);
}

TEST(Losses, RefuseWhatDoesNotFit) {
  Tensor outputs(Shape{2, 4}), gradient(Shape{2, 4});
  const std::vector<std::int64_t> beyond{0, 4}, few{1};
  EXPECT_TRUE(
      says(error_of([&] { softmax_cross_entropy(outputs, beyond, gradient); }, ErrorCode::invalid_argument),
           {"the label of sample 1 is 4, there are classes 0 to 3"}));
  EXPECT_TRUE(
      says(error_of([&] { softmax_cross_entropy(outputs, few, gradient); }, ErrorCode::shape_mismatch),
           {"1 labels for 2 samples"}));
  EXPECT_TRUE(
      says(error_of([&] { distillation(outputs, outputs, gradient, 0); }, ErrorCode::invalid_argument),
           {"temperature"}));
  EXPECT_TRUE(says(error_of(
                       [&] {
                         mean_squared_error(outputs, Tensor(Shape{2, 3}), gradient);
                       },
                       ErrorCode::shape_mismatch),
                   {"2x3"}));
}

}  // namespace
}  // namespace lowbit::testing
