// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/ternary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "lowbit/core/error.h"
#include "support/infinity.h"
#include "support/values.h"

namespace lowbit {
namespace {

using testing::gaussian_values;
using testing::million_gaussian_values;
using testing::random_importance;

// Weighted, of finite values.
double squared_error(std::span<const float> x, const TernaryGroup& g,
                     std::span<const float> importance = {}) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = double(x[i]), t = v > double(g.threshold) ? 1 : v < -double(g.threshold) ? -1 : 0;
    const double e = v - t * double(g.scale);
    sum += e * e * (importance.empty() ? 1.0 : double(importance[i]));
  }
  return sum;
}

double mean_magnitude(std::span<const float> x, double above = -1, std::span<const float> importance = {}) {
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double m = std::fabs(double(x[i])), w = importance.empty() ? 1.0 : double(importance[i]);
    if (!(m > above)) continue;
    sum += w * m;
    weight += w;
  }
  return sum / weight;
}

TEST(Twn, HasTheClosedForm) {
  for (const std::size_t n : {1u, 2u, 7u, 1000u})
    for (const bool weighted : {false, true}) {
      const auto x = gaussian_values(n, n), importance = random_importance(weighted ? n : 0, 3);
      const TernaryGroup g = Twn{}.fit(x, importance);
      EXPECT_FLOAT_EQ(g.threshold, static_cast<float>(0.7 * mean_magnitude(x, -1, importance)));
      EXPECT_FLOAT_EQ(g.scale, static_cast<float>(mean_magnitude(x, double(g.threshold), importance)));
    }
}

TEST(Twn, GaussianDistortionIsThatOfTheory) {
  const auto theory = [](double threshold) {  // 1 - E[|w|; |w| > D]^2 / P(|w| > D)
    const double mass = std::erfc(threshold / std::numbers::sqrt2);
    const double first = std::sqrt(2 / std::numbers::pi) * std::exp(-threshold * threshold / 2);
    return 1 - first * first / mass;
  };
  const double n = double(million_gaussian_values().size());
  const TernaryGroup rule = Twn{}.fit(million_gaussian_values());
  EXPECT_NEAR(rule.threshold, 0.7 * std::sqrt(2 / std::numbers::pi), 0.002);
  const double rule_theory = theory(0.7 * std::sqrt(2 / std::numbers::pi));
  EXPECT_NEAR(rule_theory, 0.1916, 0.0001);
  EXPECT_NEAR(squared_error(million_gaussian_values(), rule) / n, rule_theory, 0.01 * rule_theory);
  // Three levels for a Gaussian: Max, 1960.
  const TernaryGroup exact = Twn{.exact = true}.fit(million_gaussian_values());
  EXPECT_NEAR(exact.threshold, 0.612, 0.01);
  EXPECT_NEAR(exact.scale, 1.224, 0.01);
  EXPECT_NEAR(squared_error(million_gaussian_values(), exact) / n, 0.1902, 0.0019);
  EXPECT_LT(squared_error(million_gaussian_values(), exact), squared_error(million_gaussian_values(), rule));
}

// Every way to keep some magnitudes and drop all below, each with its best scale.
double best_of_all_thresholds(std::span<const float> x, std::span<const float> importance) {
  std::vector<float> candidates = {0.0f};
  for (const float v : x) candidates.push_back(std::fabs(v));
  double best = std::numeric_limits<double>::infinity();
  for (const float threshold : candidates) {
    if (std::none_of(x.begin(), x.end(), [&](float v) { return std::fabs(v) > threshold; })) continue;
    const double scale = mean_magnitude(x, double(threshold), importance);
    best = std::min(best, squared_error(x, TernaryGroup{static_cast<float>(scale), threshold}, importance));
  }
  return best;
}

TEST(Twn, ExactIsTheBestOfAllThresholds) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed)
    for (const bool weighted : {false, true}) {
      auto x = gaussian_values(1 + seed % 12, seed);
      if (seed % 3 == 0)
        for (float& v : x) v = std::nearbyint(2 * v);  // equal magnitudes, and zeros
      if (std::all_of(x.begin(), x.end(), [](float v) { return v == 0; })) continue;
      const auto importance = random_importance(weighted ? x.size() : 0, seed);
      const double exact = squared_error(x, Twn{.exact = true}.fit(x, importance), importance);
      EXPECT_NEAR(exact, best_of_all_thresholds(x, importance), 1e-6) << seed;
      EXPECT_LE(exact, squared_error(x, Twn{}.fit(x, importance), importance) + 1e-9) << seed;
    }
}

TEST(Twn, ExactDropsNothingWhereAllMagnitudesAreAlike) {
  const std::vector<float> x = {2, -2, 2, 2};
  const TernaryGroup g = Twn{.exact = true}.fit(x);
  EXPECT_EQ(g.scale, 2);
  EXPECT_LT(g.threshold, 2);
  EXPECT_EQ(squared_error(x, Twn{}.fit(x)), 0);
}

TEST(AbsMean, HasTheClosedForm) {
  for (const bool weighted : {false, true}) {
    const auto x = gaussian_values(500, 4), importance = random_importance(weighted ? 500 : 0, 5);
    const TernaryGroup g = AbsMean{}.fit(x, importance);
    EXPECT_FLOAT_EQ(g.scale, static_cast<float>(mean_magnitude(x, -1, importance)));
    EXPECT_EQ(g.threshold, g.scale / 2);
  }
}

TEST(AbsMean, ThresholdIsWhereRoundingTurns) {
  const auto x = gaussian_values(1000, 6);
  const TernaryGroup g = AbsMean{}.fit(x);
  for (const float v : x) {
    const int rounded = static_cast<int>(std::clamp(std::nearbyint(double(v) / double(g.scale)), -1.0, 1.0));
    EXPECT_EQ(v > g.threshold ? 1 : v < -g.threshold ? -1 : 0, rounded) << v;
  }
  // Ties to even: half a scale is rounded to zero, and no magnitude is above the threshold but not its half.
  const TernaryGroup two = AbsMean{}.fit(std::vector<float>{1, 3});
  EXPECT_EQ(two.scale, 2);
  EXPECT_FALSE(1.0f > two.threshold);
}

TEST(AbsMean, GaussianDistortionIsThatOfTheory) {
  // With scale m and threshold m / 2: 1 - 2 m E[|w|; |w| > m / 2] + m^2 P(|w| > m / 2).
  const double m = std::sqrt(2 / std::numbers::pi), mass = std::erfc(m / 2 / std::numbers::sqrt2);
  const double theory = 1 - 2 * m * m * std::exp(-m * m / 8) + m * m * mass;
  EXPECT_NEAR(squared_error(million_gaussian_values(), AbsMean{}.fit(million_gaussian_values())) / 1e6,
              theory, 0.01 * theory);
}

TEST(Ttq, LevelsAreTheMeansOfBothSides) {
  auto x = gaussian_values(1000, 7);
  for (float& v : x) v += 0.3f;
  const auto importance = random_importance(1000, 8);
  for (const bool weighted : {false, true})
    for (const float threshold : {0.0f, 0.05f, 0.4f}) {
      double largest = 0;
      for (const float v : x) largest = std::max(largest, std::fabs(double(v)));
      std::vector<float> below, above, below_importance, above_importance;
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::fabs(double(x[i])) <= double(threshold) * largest) continue;
        (x[i] < 0 ? below : above).push_back(x[i]);
        if (weighted) (x[i] < 0 ? below_importance : above_importance).push_back(importance[i]);
      }
      const Ttq ttq{.threshold = threshold};
      const LutGroup g = weighted ? ttq.fit(x, importance) : ttq.fit(x);
      ASSERT_EQ(g.levels.size(), 3u);
      EXPECT_EQ(g.scale, 1);
      EXPECT_FLOAT_EQ(g.levels[0], -static_cast<float>(mean_magnitude(below, -1, below_importance)));
      EXPECT_EQ(g.levels[1], 0);
      EXPECT_FLOAT_EQ(g.levels[2], static_cast<float>(mean_magnitude(above, -1, above_importance)));
    }
}

TEST(Ttq, ASideWithoutWeightsMirrorsTheOther) {
  using Levels = std::vector<float>;
  EXPECT_EQ(Ttq{}.fit(Levels{1, 3, 0}).levels, (Levels{-2, 0, 2}));
  EXPECT_EQ(Ttq{}.fit(Levels{-1, -3, 0.01f}).levels, (Levels{-2, 0, 2}));
  EXPECT_EQ(Ttq{}.fit(Levels{0, 0}).levels, (Levels{-1, 0, 1}));
  EXPECT_EQ(Ttq{}.fit(Levels{}).levels, (Levels{-1, 0, 1}));
  // A side of no importance is one without weights.
  EXPECT_EQ(Ttq{}.fit(Levels{4, -7}, Levels{1, 0}).levels, (Levels{-4, 0, 4}));
}

TEST(Ternary, ImportanceOnNothingCountsForNothing) {
  const auto x = gaussian_values(50, 9);
  auto with_outlier = x;
  with_outlier.push_back(100.0f);
  std::vector<float> importance(51, 2.0f);
  for (const float none : {0.0f, -1.0f, NAN, kInf}) {
    importance[50] = none;
    for (const bool exact : {false, true}) {
      const TernaryGroup a = Twn{.exact = exact}.fit(x),
                         b = Twn{.exact = exact}.fit(with_outlier, importance);
      EXPECT_EQ(a.scale, b.scale) << none;
      EXPECT_EQ(a.threshold, b.threshold) << none;
    }
    EXPECT_EQ(AbsMean{}.fit(x).scale, AbsMean{}.fit(with_outlier, importance).scale) << none;
    EXPECT_EQ(Ttq{}.fit(x).levels, Ttq{}.fit(with_outlier, importance).levels) << none;
  }
  const std::vector<float> nothing(50, 0.0f), huge(50, 3e38f);
  EXPECT_EQ(AbsMean{}.fit(x, nothing).scale, AbsMean{}.fit(x).scale);
  EXPECT_EQ(AbsMean{}.fit(x, huge).scale, AbsMean{}.fit(x).scale);
}

TEST(Ternary, SkipsNonFiniteValues) {
  const auto x = gaussian_values(50, 10);
  auto dirty = x;
  for (const float bad : {NAN, kInf, -kInf}) dirty.insert(dirty.begin() + 20, bad);
  for (const bool exact : {false, true}) {
    EXPECT_EQ(Twn{.exact = exact}.fit(x).scale, Twn{.exact = exact}.fit(dirty).scale);
    EXPECT_EQ(Twn{.exact = exact}.fit(x).threshold, Twn{.exact = exact}.fit(dirty).threshold);
  }
  EXPECT_EQ(AbsMean{}.fit(x).scale, AbsMean{}.fit(dirty).scale);
  EXPECT_EQ(Ttq{}.fit(x).levels, Ttq{}.fit(dirty).levels);
}

TEST(Ternary, DegenerateGroups) {
  const std::vector<std::vector<float>> zeros = {{}, {0, -0.0f}, {NAN, kInf}};
  const std::vector<std::vector<float>> others = {
      {5}, {-5, -5}, {1e-45f}, {1e-45f, -1e-39f, 0}, {3.4e38f, -3.4e38f, 3e38f}, {1e-45f, 3e38f}};
  const auto fits = [](const std::vector<float>& x) {
    return std::vector<TernaryGroup>{Twn{}.fit(x), Twn{.exact = true}.fit(x), AbsMean{}.fit(x)};
  };
  for (const auto& x : zeros)
    for (const TernaryGroup& g : fits(x)) {
      EXPECT_EQ(g.scale, 1);
      EXPECT_EQ(g.threshold, 0);
    }
  for (const auto& x : others) {
    double energy = 0;
    for (const float v : x) energy += double(v) * double(v);
    for (const TernaryGroup& g : fits(x)) {
      EXPECT_TRUE(std::isnormal(g.scale) && g.scale > 0);
      EXPECT_TRUE(g.threshold >= 0 && g.threshold < g.scale);
      EXPECT_LE(squared_error(x, g), energy);  // not worse than zeros
    }
    const LutGroup g = Ttq{}.fit(x);
    EXPECT_TRUE(g.levels[0] <= -std::numeric_limits<float>::min() && g.levels[1] == 0 &&
                g.levels[2] >= std::numeric_limits<float>::min());
    EXPECT_TRUE(std::isfinite(g.levels[0]) && std::isfinite(g.levels[2]));
  }
  for (const TernaryGroup& g : fits({5})) EXPECT_EQ(g.scale, 5);
}

TEST(Ternary, RefusesImpossibleArguments) {
  const std::vector<float> x(4), three(3);
  EXPECT_THROW(Twn{}.fit(x, three), Error);
  EXPECT_THROW(Twn{.exact = true}.fit(x, three), Error);
  EXPECT_THROW(AbsMean{}.fit(x, three), Error);
  EXPECT_THROW(Ttq{}.fit(x, three), Error);
  for (const float threshold : {-0.1f, 1.0f, NAN}) EXPECT_THROW(Ttq{.threshold = threshold}.fit(x), Error);
}

}  // namespace
}  // namespace lowbit
