// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/detail/level_tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/quant/codebook.h"

namespace lowbit::detail {
namespace {

struct Table {
  std::string name;
  std::span<const float> levels;
  std::size_t count;
};

// The table of Fp4, which codes index, as the others are: ascending, distinct, the largest 1.
const std::vector<float>& fp4_levels() {
  static const std::vector<float> levels = [] {
    std::set<float> values;
    for (const float v : fp4_table()) values.insert(v / 6);
    return std::vector<float>(values.begin(), values.end());
  }();
  return levels;
}

std::vector<Table> tables() {
  std::vector<Table> all = {
      {"nf4", nf4_levels(), 16}, {"fp4", fp4_levels(), 15}, {"sqrt2", sqrt2_levels(), 255}};
  for (int bits = 2; bits <= 8; ++bits)
    all.push_back({"log" + std::to_string(bits), log_levels(bits), (std::size_t{1} << bits) - 1});
  for (int bits = 3; bits <= 8; ++bits)
    all.push_back({"apot" + std::to_string(bits), apot_levels(bits), (std::size_t{1} << bits) - 1});
  return all;
}

// Positive levels as multiples of the least; whole numbers in these tables, up to the rounding of the levels.
std::vector<int> positive_units(std::span<const float> levels, int largest) {
  std::vector<int> units;
  for (const float v : levels) {
    if (v <= 0) continue;
    units.push_back(static_cast<int>(std::lround(double(v) * largest)));
    EXPECT_EQ(v, static_cast<float>(units.back()) / static_cast<float>(largest));
  }
  return units;
}

TEST(LevelTables, AscendDistinctlyToOneThroughZero) {
  for (const auto& [name, levels, count] : tables()) {
    SCOPED_TRACE(name);
    ASSERT_EQ(levels.size(), count);
    for (std::size_t i = 1; i < count; ++i) EXPECT_LT(levels[i - 1], levels[i]) << i;
    EXPECT_EQ(levels.front(), -1.0f);
    EXPECT_EQ(levels.back(), 1.0f);
    EXPECT_EQ(std::count(levels.begin(), levels.end(), 0.0f), 1);
  }
}

TEST(LevelTables, AreSymmetricExceptNormalFloat) {
  for (const auto& [name, levels, count] : tables()) {
    std::vector<float> mirrored(levels.rbegin(), levels.rend());
    for (float& v : mirrored) v = -v;
    EXPECT_EQ(std::equal(levels.begin(), levels.end(), mirrored.begin()), name != "nf4") << name;
  }
}

TEST(LevelTables, NormalFloatHasThePublishedBits) {
  const std::vector<double> published = {
      -1.0,
      -0.6961928009986877,
      -0.5250730514526367,
      -0.39491748809814453,
      -0.28444138169288635,
      -0.18477343022823334,
      -0.09105003625154495,
      0.0,
      0.07958029955625534,
      0.16093020141124725,
      0.24611230194568634,
      0.33791524171829224,
      0.44070982933044434,
      0.5626170039176941,
      0.7229568362236023,
      1.0,
  };
  ASSERT_EQ(nf4_levels().size(), published.size());
  // The published decimals are floats, written out exactly enough.
  for (std::size_t i = 0; i < published.size(); ++i) EXPECT_NEAR(nf4_levels()[i], published[i], 1e-16) << i;
}

// The definition, by the error function of the C library: quantiles from `tail` to one half, scaled.
TEST(LevelTables, NormalFloatIsMadeOfNormalQuantiles) {
  const auto quantile = [](double p) {
    double lo = -10, hi = 10;
    for (int i = 0; i < 100; ++i) {
      const double middle = (lo + hi) / 2;
      (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? lo : hi) = middle;
    }
    return lo;
  };
  // The outermost probability is the mean of 1 - 1/30 and 1 - 1/32, as in the authors' program.
  const double tail = 0.5 * (1.0 - 1.0 / 30 + 1.0 - 1.0 / 32);
  for (int i = 0; i <= 8; ++i)
    EXPECT_NEAR(nf4_levels()[7 + std::size_t(i)], quantile(0.5 + (tail - 0.5) * i / 8) / quantile(tail),
                2e-4);
  for (int i = 0; i <= 7; ++i)
    EXPECT_NEAR(nf4_levels()[7 - std::size_t(i)], -quantile(0.5 + (tail - 0.5) * i / 7) / quantile(tail),
                2e-4);
}

TEST(LevelTables, Fp4HasTheValuesOfItsBitPatterns) {
  std::set<float> values;
  for (int code = 0; code < 16; ++code) {
    const int exponent = code >> 1 & 3, mantissa = code & 1;
    // Bias 1; exponent 0 is subnormal.
    const double magnitude = exponent == 0 ? 0.5 * mantissa : std::ldexp(1 + 0.5 * mantissa, exponent - 1);
    const auto value = static_cast<float>(magnitude / 6);
    values.insert(code & 8 ? -value : value);
  }
  const auto levels = fp4_levels();
  EXPECT_TRUE(std::equal(levels.begin(), levels.end(), values.begin(), values.end()));
}

TEST(LevelTables, LogLevelsArePowersOfTwo) {
  const std::vector<float> four = {-1,        -0.5f,    -0.25f,  -0.125f, -0.0625f, -0.03125f, -0.015625f, 0,
                                   0.015625f, 0.03125f, 0.0625f, 0.125f,  0.25f,    0.5f,      1};
  const auto levels = log_levels(4);
  EXPECT_TRUE(std::equal(levels.begin(), levels.end(), four.begin(), four.end()));
  for (int bits = 2; bits <= 8; ++bits) {
    const int zero = (1 << (bits - 1)) - 1;
    for (int e = 0; e < zero; ++e)
      EXPECT_EQ(log_levels(bits)[std::size_t(2 * zero - e)], std::ldexp(1.0f, -e)) << bits;
  }
}

TEST(LevelTables, Sqrt2LevelsArePowersOfTheSquareRootOfTwo) {
  for (int e = 0; e <= 126; ++e)
    EXPECT_EQ(sqrt2_levels()[std::size_t(254 - e)],
              static_cast<float>(std::ldexp(e % 2 != 0 ? std::sqrt(0.5) : 1.0, -(e / 2))))
        << e;
}

// 3 bits: one term of 1/2, 1/4, 1/8. 4 bits: 1/2, 1/4, 1/16 plus 1/8. 5 bits: 1/2, 1/8, 1/32 plus 1/4, 1/16,
// 1/64. 6 bits: 1/2, 1/8, 1/64 plus 1/4, 1/16, 1/128 plus 1/32.
TEST(LevelTables, ApotHasTheSetsWorkedOutByHand) {
  EXPECT_EQ(positive_units(apot_levels(3), 4), (std::vector<int>{1, 2, 4}));
  EXPECT_EQ(positive_units(apot_levels(4), 10), (std::vector<int>{1, 2, 3, 4, 6, 8, 10}));
  EXPECT_EQ(positive_units(apot_levels(5), 48),
            (std::vector<int>{1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 33, 36, 48}));
  EXPECT_EQ(positive_units(apot_levels(6), 100),
            (std::vector<int>{1,  2,  3,  4,  5,  6,  7,  8,  10, 12, 14, 16, 17, 20, 21, 24,
                              28, 32, 34, 36, 38, 48, 52, 64, 65, 68, 69, 72, 76, 96, 100}));
}

// 7 and 8 bits by the terms as the header lists them.
TEST(LevelTables, ApotIsTheSetOfSumsOfItsTerms) {
  for (int bits = 3; bits <= 8; ++bits) {
    const int n = (bits - 1) / 2, odd = (bits - 1) % 2;
    std::set<int> sums = {0};
    const auto add_term = [&](const std::vector<int>& exponents) {
      const std::set<int> before = sums;
      for (const int sum : before)
        for (const int e : exponents) sums.insert(sum + (1 << (10 - e)));
    };
    for (int j = 0; j < n; ++j) add_term({j + 1, j + 1 + n, j + 1 + odd + 2 * n});
    if (odd != 0) add_term({2 * n + 1});
    ASSERT_EQ(sums.size(), std::size_t{1} << (bits - 1)) << bits;
    std::vector<float> expected;
    for (const int sum : sums) {
      expected.push_back(static_cast<float>(sum) / static_cast<float>(*sums.rbegin()));
      if (sum > 0) expected.push_back(-expected.back());
    }
    std::sort(expected.begin(), expected.end());
    const auto levels = apot_levels(bits);
    EXPECT_TRUE(std::equal(levels.begin(), levels.end(), expected.begin(), expected.end())) << bits;
  }
}

TEST(LevelTables, RefuseOtherNumbersOfBits) {
  for (const int bits : {-1, 0, 1, 9}) EXPECT_THROW(log_levels(bits), Error) << bits;
  for (const int bits : {-1, 0, 2, 9}) EXPECT_THROW(apot_levels(bits), Error) << bits;
}

}  // namespace
}  // namespace lowbit::detail
