// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/error.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(MeasureError, HasTheClosedFormOfASmallExample) {
  const std::vector<float> ref = {3, 4, 0, 0}, approx = {3, 3, 0, 2};
  const ErrorMeasure m = measure_error(MatrixView(ref.data(), 2, 2), MatrixView(approx.data(), 2, 2));
  EXPECT_DOUBLE_EQ(m.sqnr_db, 10 * std::log10(25.0 / 5.0));
  EXPECT_DOUBLE_EQ(m.mse, 5.0 / 4);
  EXPECT_DOUBLE_EQ(m.max, 2);
  EXPECT_DOUBLE_EQ(m.cosine, 21 / (5 * std::sqrt(22.0)));
  EXPECT_EQ(m.count, 4);
}

TEST(MeasureError, HasLimits) {
  const std::vector<float> zero(3), one = {1, 1, 1}, bad = {1, NAN, std::numeric_limits<float>::infinity()};
  const auto measure = [](const auto& a, const auto& b) {
    return measure_error(MatrixView(a.data(), 1, 3), MatrixView(b.data(), 1, 3));
  };
  EXPECT_EQ(measure(one, one).sqnr_db, INFINITY);
  EXPECT_EQ(measure(zero, zero).cosine, 1);
  EXPECT_EQ(measure(zero, one).sqnr_db, -INFINITY);
  EXPECT_EQ(measure(zero, one).cosine, 0);
  EXPECT_EQ(measure(one, bad).non_finite, 2);
  EXPECT_EQ(measure(one, bad).mse, 0);
  const std::array<float, 3> none = {NAN, NAN, NAN};
  EXPECT_TRUE(std::isnan(measure(one, none).sqnr_db));
  EXPECT_TRUE(std::isnan(measure(one, none).mse));
  EXPECT_EQ(measure_error(MatrixView(nullptr, 0, 3), MatrixView(nullptr, 0, 3)).count, 0);
  EXPECT_THROW(measure_error(MatrixView(one.data(), 1, 3), MatrixView(one.data(), 3, 1)), Error);
  EXPECT_THROW(measure_error(Tensor(Shape{2, 3}).view(), Tensor(Shape{3, 2}).view()), Error);
}

TEST(MeasureError, WalksStridesOfEveryRank) {
  testing::Random random(2);
  for (int rank = 0; rank <= Shape::kMaxRank; ++rank) {
    std::vector<std::int64_t> dims;
    for (int i = 0; i < rank; ++i) dims.push_back(random.integer(1, 4));
    const Shape shape{std::span<const std::int64_t>(dims)};
    Tensor ref(shape), same(shape);
    for (auto& v : ref.data) v = random.uniform();
    // The same values stored with the dimensions in reverse order.
    std::array<std::ptrdiff_t, Shape::kMaxRank> reversed{};
    std::ptrdiff_t stride = 1;
    for (int i = 0; i < rank; ++i) reversed[std::size_t(i)] = stride, stride *= shape[i];
    for (std::size_t flat = 0; flat < ref.data.size(); ++flat) {
      std::ptrdiff_t rest = std::ptrdiff_t(flat), offset = 0;
      for (int i = rank - 1; i >= 0; --i)
        offset += rest % shape[i] * reversed[std::size_t(i)], rest /= shape[i];
      same.data[std::size_t(offset)] = ref.data[flat];
    }
    const ErrorMeasure m = measure_error(ref, TensorView(same.data.data(), shape, reversed));
    EXPECT_EQ(m.max, 0) << rank;
    EXPECT_EQ(m.count, shape.elements());
    same.data.back() += 1;
    EXPECT_GT(measure_error(ref, TensorView(same.data.data(), shape, reversed)).max, 0.9);
  }
}

}  // namespace
}  // namespace lowbit
