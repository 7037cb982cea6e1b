// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/detail/level_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/infinity.h"
#include "support/random.h"

namespace lowbit::detail {
namespace {

// The nearest level by looking at all of them, in double; every code of an equally near level is allowed.
void expect_nearest(const std::vector<float>& levels, const std::vector<float>& x, float inverse_scale) {
  std::vector<std::uint8_t> codes(x.size());
  LevelSearch(levels).assign(x.data(), x.size(), inverse_scale, codes.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = x[i] * inverse_scale;
    double least = std::numeric_limits<double>::infinity();
    for (const float l : levels) least = std::min(least, std::fabs(v - double(l)));
    ASSERT_LT(codes[i], levels.size());
    ASSERT_EQ(std::fabs(v - double(levels[codes[i]])), least) << x[i];
  }
}

TEST(LevelSearch, FindsTheNearestOfFewAndMany) {
  testing::Random random(11);
  for (const std::size_t count : {2, 3, 7, 16, 17, 100, 256})
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::vector<float> levels(count), x(777);
      for (auto& l : levels) l = random.gaussian();
      if (repeat % 2 == 0) std::sort(levels.begin(), levels.end());
      for (auto& v : x) v = 2 * random.gaussian();
      expect_nearest(levels, x, repeat % 3 == 0 ? 1.0f : 0.7f);
    }
}

TEST(LevelSearch, TiesGoToAnEvenNumberOfStepsFromZero) {
  const std::vector<float> levels = {-2, -1, 0, 1, 2, 4};
  const std::vector<float> x = {-1.5f, -0.5f, 0.5f, 1.5f, 3.0f};
  std::vector<std::uint8_t> codes(x.size());
  LevelSearch(levels).assign(x.data(), x.size(), 1.0f, codes.data());
  EXPECT_EQ(codes, (std::vector<std::uint8_t>{0, 2, 2, 4, 4}));
  // No zero: the upper one.
  const std::vector<float> signs = {1, -1};
  const std::vector<float> zero = {0.0f, -0.0f, std::nextafter(0.0f, -1.0f)};
  codes.resize(3);
  LevelSearch(signs).assign(zero.data(), zero.size(), 1.0f, codes.data());
  EXPECT_EQ(codes, (std::vector<std::uint8_t>{0, 0, 1}));
}

TEST(LevelSearch, NonFiniteValuesAndEqualLevels) {
  const std::vector<float> levels = {5, -3, 0, 5, 5};
  const std::vector<float> x = {kInf, -kInf, std::nanf(""), 100.0f};
  std::vector<std::uint8_t> codes(x.size());
  LevelSearch(levels).assign(x.data(), x.size(), 1.0f, codes.data());
  EXPECT_EQ(codes, (std::vector<std::uint8_t>{0, 1, 2, 0}));
}

}  // namespace
}  // namespace lowbit::detail
