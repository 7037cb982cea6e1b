// SPDX-License-Identifier: Apache-2.0
// Roundings other than to even: halves away from zero, and stochastic.
#include "lowbit/quant/detail/rounding_modes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lowbit/quant/affine.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/quant/quantized_matrix.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(Rounding, HalfAwayIsStdRound) {
  testing::Random random(1);
  for (int i = -4000; i <= 4000; ++i) {
    const float x = static_cast<float>(i) / 8;
    EXPECT_EQ(detail::round_half_away(x), std::round(x)) << x;
    EXPECT_EQ(detail::round_half_away(std::nextafter(x, 1e9f)), std::round(std::nextafter(x, 1e9f))) << x;
  }
}

TEST(Rounding, StochasticKeepsTheMeanAndOnlyMovesToNeighbours) {
  for (const float x : {0.0f, 0.25f, -0.25f, 3.5f, -7.9f, 100.0f}) {
    double sum = 0;
    const int count = 20000;
    for (int i = 0; i < count; ++i) {
      const float r = detail::round_stochastic(x, detail::uniform_at(7, static_cast<std::uint64_t>(i)));
      ASSERT_TRUE(r == std::floor(x) || r == std::ceil(x)) << x;
      sum += double(r);
    }
    // Five standard deviations of a mean of `count` coins.
    EXPECT_NEAR(sum / count, double(x), 5 * 0.5 / std::sqrt(count)) << x;
  }
}

TEST(Rounding, UniformNumbersFillTheUnitInterval) {
  std::vector<int> bins(16);
  for (std::uint64_t i = 0; i < 16000; ++i) {
    const float u = detail::uniform_at(3, i);
    ASSERT_GE(u, 0.0f);
    ASSERT_LT(u, 1.0f);
    ++bins[static_cast<std::size_t>(u * 16)];
  }
  for (const int n : bins) EXPECT_NEAR(n, 1000, 160);  // five standard deviations
}

TEST(Rounding, OfSpans) {
  const std::vector<float> x = {0.5f, 1.5f, -0.5f, -2.5f, 300.0f, std::nanf("")};
  std::vector<std::int32_t> even(x.size()), away(x.size()), a(x.size()), b(x.size());
  quantize(x, {1.0f, 2}, {-100, 100}, even);
  quantize(x, {1.0f, 2}, {-100, 100}, away, Rounding::half_away);
  EXPECT_EQ(even, (std::vector<std::int32_t>{2, 4, 2, 0, 100, 2}));
  EXPECT_EQ(away, (std::vector<std::int32_t>{3, 4, 1, -1, 100, 2}));
  quantize(x, {0.37f, 2}, {-100, 100}, a, Rounding::stochastic, 5);
  quantize(x, {0.37f, 2}, {-100, 100}, b, Rounding::stochastic, 5);
  EXPECT_EQ(a, b);
}

TEST(Rounding, OfMatricesDoesNotDependOnTheirLayout) {
  testing::Random random(2);
  std::vector<float> w(12 * 40), transposed(w.size());
  for (auto& v : w) v = random.gaussian();
  for (std::size_t r = 0; r < 12; ++r)
    for (std::size_t c = 0; c < 40; ++c) transposed[c * 12 + r] = w[r * 40 + c];
  for (const Rounding rounding : {Rounding::half_away, Rounding::stochastic}) {
    const Affine<4> q{.granularity = per_group(8), .rounding = rounding, .seed = 9};
    const QuantizedMatrix a = quantize(MatrixView(w.data(), 12, 40), q),
                          b = quantize(MatrixView(transposed.data(), 12, 40, 1, 12), q);
    EXPECT_EQ(a.codes, b.codes);
  }
  const QuantizedMatrix one = quantize(MatrixView(w.data(), 12, 40),
                                       Affine<4>{.rounding = Rounding::stochastic}),
                        two = quantize(MatrixView(w.data(), 12, 40),
                                       Affine<4>{.rounding = Rounding::stochastic, .seed = 1});
  EXPECT_NE(one.codes, two.codes);
}

TEST(Affine, FullRangeHasOneCodeMore) {
  const std::vector<float> w = {-2.0f, 1.0f, 0.5f};
  const AffineGroup narrow = Affine<4>{}.fit(w), full = Affine<4>{.narrow = false}.fit(w);
  EXPECT_EQ(narrow.qmin, -7);
  EXPECT_EQ(full.qmin, -8);
  EXPECT_FLOAT_EQ(narrow.scale, 2.0f / 7);
  EXPECT_FLOAT_EQ(full.scale, 2.0f / 7.5f);
}

}  // namespace
}  // namespace lowbit
