// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/detail/kmeans_1d.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "lowbit/core/error.h"
#include "support/effort.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit::detail {
namespace {

using testing::Random;

double open_unit(Random& random) {
  return (double(random.next() >> 12) + 0.5) * 0x1p-52;
}

enum class Shape { gaussian, uniform, laplace, outliers, two_peaks, coarse };
constexpr Shape kShapes[] = {Shape::gaussian, Shape::uniform,   Shape::laplace,
                             Shape::outliers, Shape::two_peaks, Shape::coarse};

float draw(Shape shape, Random& random) {
  const float u = random.uniform();
  switch (shape) {
    case Shape::gaussian:
      return random.gaussian();
    case Shape::uniform:
      return u;
    case Shape::laplace:
      return std::copysign(static_cast<float>(-std::log(open_unit(random))), u);
    case Shape::outliers:
      return random.gaussian() * (random.next() % 50 == 0 ? 1000.0f : 1.0f);
    case Shape::two_peaks:
      return random.gaussian() + (u < 0 ? 300.0f : -5.0f);
    case Shape::coarse:
      return std::round(random.gaussian() * 4);
  }
  return 0;
}

std::vector<float> draw(Shape shape, std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v(n);
  for (float& x : v) x = draw(shape, random);
  return v;
}

std::vector<float> random_importance(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> w(n);
  for (float& x : w) x = static_cast<float>(random.integer(1, 1000)) / 8;
  return w;
}

// The error of one cluster by its definition.
double cluster_error(const WeightedPoints& p, std::size_t begin, std::size_t end) {
  double w = 0, mean = 0, error = 0;
  for (std::size_t i = begin; i < end; ++i) {
    w += p.weight(i);
    mean += p.weight(i) * double(p.x[i]);
  }
  mean /= w;
  for (std::size_t i = begin; i < end; ++i) error += p.weight(i) * std::pow(double(p.x[i]) - mean, 2);
  return error;
}

// The least error of all divisions of the points from `begin` on into k intervals.
double brute_force(const WeightedPoints& p, int k, std::size_t begin = 0) {
  if (begin == p.x.size()) return 0;
  if (k == 1) return cluster_error(p, begin, p.x.size());
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t end = begin + 1; end <= p.x.size(); ++end)
    best = std::min(best, cluster_error(p, begin, end) + brute_force(p, k - 1, end));
  return best;
}

// Plain search of the nearest level.
double plain_error(std::span<const float> values, std::span<const float> importance,
                   std::span<const float> levels) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    double least = std::numeric_limits<double>::infinity();
    for (const float level : levels) least = std::min(least, std::fabs(double(values[i]) - double(level)));
    sum += least * least * (importance.empty() ? 1.0 : double(importance[i]));
  }
  return sum;
}

void expect_ascending(std::span<const float> levels) {
  for (std::size_t i = 1; i < levels.size(); ++i) EXPECT_LT(levels[i - 1], levels[i]);
}

std::vector<float> floats(std::initializer_list<float> v) {
  return v;
}

TEST(SortedPoints, HaveEveryFiniteValueOnceWithItsWeight) {
  for (const std::size_t n : {1, 2, 63, 64, 255, 256, 257, 5000})
    for (const Shape shape : kShapes)
      for (const bool weighted : {false, true}) {
        auto values = draw(shape, n, n);
        auto importance = weighted ? random_importance(n, n + 1) : std::vector<float>{};
        std::map<float, double> expected;
        for (std::size_t i = 0; i < n; ++i) expected[values[i]] += weighted ? double(importance[i]) : 1.0;
        const WeightedPoints p = sorted_points(values, importance);
        ASSERT_EQ(p.x.size(), expected.size());
        EXPECT_TRUE(p.w.empty() || p.w.size() == p.x.size());
        std::size_t i = 0;
        for (const auto& [x, w] : expected) {
          EXPECT_EQ(p.x[i], x);
          EXPECT_EQ(p.weight(i++), w);  // eighths: every order of adding gives the same
        }
      }
}

TEST(SortedPoints, LeaveOutWhatDoesNotCount) {
  EXPECT_EQ(sorted_points(floats({3, NAN, -1, kInf, 2, -kInf}), {}).x, floats({-1, 2, 3}));
  const auto values = floats({4, 1, 5, 9, 2, 6});
  const auto p = sorted_points(values, floats({1, 0, -3, NAN, 0.5f, kInf}));
  EXPECT_EQ(p.x, floats({2, 4}));
  EXPECT_EQ(p.w, (std::vector<double>{0.5, 1}));
  // Nothing counts: everything does.
  const auto all = sorted_points(values, floats({0, 0, -3, NAN, 0, kInf}));
  EXPECT_EQ(all.x, floats({1, 2, 4, 5, 6, 9}));
  EXPECT_TRUE(all.w.empty());
  // The only one with importance is not finite.
  EXPECT_EQ(sorted_points(floats({NAN, 7}), floats({1, 0})).x, floats({7}));
}

TEST(SortedPoints, MergeTheTwoZeros) {
  const auto p = sorted_points(floats({0.0f, -0.0f, 1, -0.0f}), {});
  EXPECT_EQ(p.x, floats({0, 1}));
  EXPECT_FALSE(std::signbit(p.x[0]));
  EXPECT_EQ(p.w, (std::vector<double>{3, 1}));
}

TEST(BinnedPoints, KeepWeightAndMeanAndStayInTheirBins) {
  for (const Shape shape : kShapes)
    for (const std::size_t bins : {1, 7, 512}) {
      const auto values = draw(shape, 3000, 5), importance = random_importance(3000, 6);
      const WeightedPoints p = binned_points(values, importance, bins);
      ASSERT_LE(p.x.size(), bins);
      expect_ascending(p.x);
      double w = 0, wx = 0, size = 0, binned_w = 0, binned_wx = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        w += importance[i];
        wx += double(importance[i]) * values[i];
        size += double(importance[i]) * std::fabs(values[i]);
      }
      for (std::size_t i = 0; i < p.x.size(); ++i) {
        binned_w += p.weight(i);
        binned_wx += p.weight(i) * p.x[i];
      }
      EXPECT_EQ(binned_w, w);
      EXPECT_NEAR(binned_wx, wx, 1e-6 * size);
      const auto [lo, hi] = std::minmax_element(values.begin(), values.end());
      const double width = (double(*hi) - *lo) / double(bins);
      // No value is farther than a bin from the point of its bin.
      EXPECT_LE(plain_error(values, {}, p.x), double(values.size()) * width * width);
    }
}

TEST(BinnedPoints, TakeEdgeCases) {
  EXPECT_TRUE(binned_points({}, {}, 8).x.empty());
  EXPECT_TRUE(binned_points(floats({NAN, kInf}), {}, 8).x.empty());
  EXPECT_EQ(binned_points(floats({5, 5, 5}), {}, 8).x, floats({5}));
  EXPECT_EQ(binned_points(floats({-3e38f, NAN, 3e38f}), {}, 8).x, floats({-3e38f, 3e38f}));
  EXPECT_EQ(binned_points(floats({0, 1e-45f}), {}, 1000).x, floats({0, 1e-45f}));
  EXPECT_EQ(binned_points(floats({1, 2, 3}), floats({0, 1, 1}), 2).x, floats({2, 3}));
  // Many bins between two neighbouring floats.
  const float next = std::nextafter(1.0f, 2.0f);
  EXPECT_EQ(binned_points(floats({1, next, 1, next}), {}, 100000).w, (std::vector<double>{2, 2}));
}

TEST(KMeansExact, EqualsTheBestOfAllPartitions) {
  Random random(1);
  for (int round = 0; round < 400; ++round) {
    const auto n = std::size_t(random.integer(1, 10));
    const Shape shape = kShapes[random.next() % 6];
    const auto values = draw(shape, n, random.next());
    const auto importance = round % 2 != 0 ? random_importance(n, random.next()) : std::vector<float>{};
    const WeightedPoints p = sorted_points(values, importance);
    for (int k = 1; k <= 4; ++k) {
      const auto levels = kmeans_exact(p, k);
      EXPECT_EQ(levels.size(), std::min(p.x.size(), std::size_t(k)));
      expect_ascending(levels);
      const double scale = plain_error(values, importance, floats({0}));
      EXPECT_NEAR(plain_error(values, importance, levels), brute_force(p, k), 1e-11 * scale) << n << " " << k;
    }
  }
}

// Far outliers at either end must not blur the sums of the others.
TEST(KMeansExact, KeepsItsPrecisionBesideOutliers) {
  const std::vector<std::vector<float>> ends = {
      {1e12f}, {-1e30f}, {-1e30f, 1e12f}, {-1e30f, -1e16f}, {1e20f, 1e30f}};
  Random random(2);
  for (int round = 0; round < 100; ++round)
    for (const auto& outliers : ends) {
      auto values = draw(Shape::gaussian, 8, random.next()), importance = random_importance(8, random.next());
      const WeightedPoints inner = sorted_points(values, importance);
      for (const float x : outliers) {
        values.push_back(x * (1.5f + 0.5f * random.uniform()));
        importance.push_back(1.1f + random.uniform());
      }
      const auto levels = kmeans_exact(sorted_points(values, importance), 3 + int(outliers.size()));
      EXPECT_NEAR(plain_error(values, importance, levels), brute_force(inner, 3), 1e-4) << outliers[0];
    }
}

TEST(KMeansExact, IsNeverWorseThanLloyd) {
  for (const Shape shape : kShapes)
    for (const std::size_t n : {20, 64, 300, 2000})
      for (const int k : {1, 2, 3, 5, 8, 16, 31, 100, 256})
        for (const bool weighted : {false, true}) {
          if (!testing::affords(n + std::size_t(k))) continue;
          const auto values = draw(shape, n, n + std::uint64_t(k));
          const auto p = sorted_points(values, weighted ? random_importance(n, 3) : std::vector<float>{});
          const auto exact = kmeans_exact(p, k), lloyd = kmeans_lloyd(p, k);
          expect_ascending(exact);
          expect_ascending(lloyd);
          const std::size_t count = std::min(p.x.size(), std::size_t(k));
          EXPECT_EQ(exact.size(), count);
          EXPECT_EQ(lloyd.size(), count);
          const double best = squared_error(p, exact), found = squared_error(p, lloyd);
          EXPECT_LE(best, found * (1 + 1e-9)) << n << " " << k;
          // A local optimum, but from a good start.
          EXPECT_LE(found, 1.6 * best + 1e-30) << n << " " << k << " " << int(shape);
        }
}

// With one cluster fewer, points left out, or levels moved, the error only grows.
TEST(KMeansExact, LevelsCannotBeImprovedByMovingOne) {
  const auto p = sorted_points(draw(Shape::laplace, 500, 9), random_importance(500, 9));
  const auto levels = kmeans_exact(p, 8);
  const double best = squared_error(p, levels);
  for (std::size_t q = 0; q < levels.size(); ++q)
    for (const float by : {-0.1f, -0.01f, 0.01f, 0.1f}) {
      auto moved = levels;
      moved[q] += by;
      std::sort(moved.begin(), moved.end());
      EXPECT_GT(squared_error(p, moved), best);
    }
  EXPECT_GT(squared_error(p, kmeans_exact(p, 7)), best);
}

TEST(KMeansLloyd, EndsWithLevelsThatAreTheMeansOfTheirCells) {
  for (const Shape shape : kShapes) {
    const auto p = sorted_points(draw(shape, 700, 4), {});
    const auto levels = kmeans_lloyd(p, 9, 100000);
    std::vector<double> w(levels.size()), wx(levels.size());
    for (std::size_t i = 0; i < p.x.size(); ++i) {
      std::size_t nearest = 0;
      for (std::size_t q = 1; q < levels.size(); ++q)
        if (std::fabs(double(p.x[i]) - levels[q]) < std::fabs(double(p.x[i]) - levels[nearest])) nearest = q;
      w[nearest] += p.weight(i);
      wx[nearest] += p.weight(i) * p.x[i];
    }
    for (std::size_t q = 0; q < levels.size(); ++q)
      EXPECT_NEAR(levels[q], wx[q] / w[q], 1e-6 * std::fabs(levels[q])) << int(shape) << " " << q;
  }
}

// On their way the middle ones of these clusters lose a point to each neighbour, and one is left with none.
TEST(KMeansLloyd, ReplacesAClusterThatBecomesEmpty) {
  const auto p = sorted_points(floats({14, 16, 24, 26, 31, 33, 36, 38}), floats({2, 1, 1, 1, 1, 2, 1, 1}));
  const auto levels = kmeans_lloyd(p, 5);
  EXPECT_EQ(levels.size(), 5u);
  expect_ascending(levels);
  EXPECT_LE(squared_error(p, levels), 1.6 * squared_error(p, kmeans_exact(p, 5)));
}

TEST(KMeansLloyd, MoreIterationsAreNotWorse) {
  const auto p = sorted_points(draw(Shape::laplace, 3000, 8), {});
  double before = std::numeric_limits<double>::infinity();
  for (const int iterations : {0, 1, 2, 5, 20, 100}) {
    const double error = squared_error(p, kmeans_lloyd(p, 12, iterations));
    EXPECT_LE(error, before * (1 + 1e-6)) << iterations;
    if (iterations == 1 || iterations == 5) {
      EXPECT_LT(error, before);
    }
    before = error;
  }
}

// Distortions of the optimal quantizer of the unit Gaussian: Max 1960, table I.
TEST(KMeans, ReachesTheDistortionOfLloydAndMax) {
  Random random(10);
  std::vector<float> values(testing::affordable(1000000));
  for (float& x : values) {
    const double radius = std::sqrt(-2 * std::log(open_unit(random)));
    x = static_cast<float>(radius * std::cos(2 * 3.14159265358979323846 * open_unit(random)));
  }
  const WeightedPoints p = sorted_points(values, {}), binned = binned_points(values, {}, 20000);
  const double distortions[] = {0.3634, 0.1175, 0.03454, 0.009497};
  for (int bits = 1; bits <= 4; ++bits) {
    const double expected = distortions[bits - 1] * double(values.size());
    // A smaller sample strays farther.
    const double tolerance = (testing::kSlowdown == 1 ? 0.015 : 0.04) * expected;
    EXPECT_NEAR(squared_error(p, kmeans_lloyd(p, 1 << bits)), expected, tolerance) << bits;
    EXPECT_NEAR(squared_error(p, kmeans_exact(binned, 1 << bits)), expected, tolerance) << bits;
  }
}

TEST(KMeans, AWorkspaceNeverInfluencesAResult) {
  KMeansWorkspace workspace;
  WeightedPoints p;
  for (const std::size_t n : {2000, 64, 3, 300, 65})
    for (const int k : {16, 3}) {
      const auto values = draw(Shape::laplace, n, n), importance = random_importance(n, n);
      sorted_points(values, n % 2 != 0 ? importance : std::vector<float>{}, workspace, p);
      const auto fresh = sorted_points(values, n % 2 != 0 ? importance : std::vector<float>{});
      EXPECT_EQ(p.x, fresh.x);
      EXPECT_EQ(p.w, fresh.w);
      EXPECT_EQ(kmeans_exact(p, k, workspace), kmeans_exact(p, k));
      EXPECT_EQ(kmeans_lloyd(p, k, 100, workspace), kmeans_lloyd(p, k));
    }
}

// Sixty-four levels of a seeded sample: the same bits on every machine and with every compiler.
TEST(KMeans, IsTheSameEverywhere) {
  const auto values = draw(Shape::gaussian, 3000, 11), importance = random_importance(3000, 12);
  const auto p = sorted_points(values, importance);
  const auto hash = [](const std::vector<float>& v) { return testing::fnv1a(v.data(), v.size() * 4); };
  EXPECT_EQ(hash(kmeans_exact(p, 64)), 10255208241009613573u);
  EXPECT_EQ(hash(kmeans_lloyd(p, 64)), 16778184393087868529u);
  EXPECT_EQ(hash(quantile_levels(p, 64)), 5164178321657453507u);
}

TEST(QuantileLevels, AreTheCentresOfEqualSharesOfAUniformSet) {
  std::vector<float> values(1024);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  for (const int k : {1, 2, 4, 16, 256}) {
    const auto levels = quantile_levels(sorted_points(values, {}), k);
    ASSERT_EQ(levels.size(), std::size_t(k));
    const float share = 1024.0f / static_cast<float>(k);
    for (int q = 0; q < k; ++q)
      EXPECT_EQ(levels[std::size_t(q)], (static_cast<float>(q) + 0.5f) * share - 0.5f);
  }
}

TEST(QuantileLevels, DivideAPointAtTheBorderByItsShares) {
  // Weights 1, 1, 1 in two parts of 1.5.
  EXPECT_EQ(quantile_levels(sorted_points(floats({0, 3, 6}), {}), 2), floats({1, 5}));
  // Weights 1, 2, 5 in two parts of 4.
  EXPECT_EQ(quantile_levels(sorted_points(floats({0, 2, 8}), floats({1, 2, 5})), 2), floats({3, 8}));
  // A point that fills several parts is one level.
  EXPECT_EQ(quantile_levels(sorted_points(floats({1, 2, 3, 4, 5}), floats({1, 1, 12, 1, 1})), 4),
            floats({2.25f, 3, 3.75f}));
}

TEST(QuantileLevels, AscendWithinTheValues) {
  for (const Shape shape : kShapes)
    for (const int k : {1, 3, 10, 200}) {
      const auto p = sorted_points(draw(shape, 1000, 3), random_importance(1000, 4));
      const auto levels = quantile_levels(p, k);
      EXPECT_TRUE(!levels.empty() && levels.size() <= std::size_t(k));
      expect_ascending(levels);
      EXPECT_GE(levels.front(), p.x.front());
      EXPECT_LE(levels.back(), p.x.back());
    }
}

TEST(SquaredError, IsThatOfTheNearestLevels) {
  for (const Shape shape : kShapes) {
    const auto values = draw(shape, 300, 20), importance = random_importance(300, 21);
    auto levels = draw(shape, 7, 22);
    std::sort(levels.begin(), levels.end());
    const double expected = plain_error(values, importance, levels);
    EXPECT_NEAR(squared_error(sorted_points(values, importance), levels), expected, 1e-12 * expected);
  }
  EXPECT_EQ(squared_error({}, {}), 0);
  EXPECT_THROW(squared_error(sorted_points(floats({1}), {}), {}), Error);
}

TEST(KMeans, FewValuesAreTheirOwnLevels) {
  const std::vector<std::vector<float>> cases = {{},           {5},         {-0.0f},
                                                 {7, 7, 7, 7}, {NAN, kInf}, {3, 1, NAN, 2, 1, 3}};
  const std::vector<std::vector<float>> expected = {{}, {5}, {0}, {7}, {}, {1, 2, 3}};
  for (std::size_t i = 0; i < cases.size(); ++i)
    for (const int k : {3, 4, 256}) {
      const auto p = sorted_points(cases[i], {});
      EXPECT_EQ(kmeans_exact(p, k), expected[i]);
      EXPECT_EQ(kmeans_lloyd(p, k), expected[i]);
      EXPECT_EQ(quantile_levels(p, k), expected[i]);
    }
}

TEST(KMeans, TakesTheWholeRangeOfFloats) {
  for (const float scale : {1e-45f, 1e-39f, 1e37f}) {
    std::vector<float> values;
    for (const int i : {1, 2, 3, 10, 11, 12, 27, 29}) values.push_back(static_cast<float>(i) * scale);
    for (const float weight : {1e-45f, 1.0f, 3e38f}) {
      const auto p = sorted_points(values, std::vector<float>(values.size(), weight));
      const auto expected = floats({2 * scale, 11 * scale, 28 * scale});
      for (const auto& levels : {kmeans_exact(p, 3), kmeans_lloyd(p, 3)}) {
        ASSERT_EQ(levels.size(), 3u);
        for (std::size_t q = 0; q < 3; ++q) EXPECT_FLOAT_EQ(levels[q], expected[q]) << scale << " " << weight;
        EXPECT_TRUE(std::isfinite(squared_error(p, levels)));
      }
    }
  }
  const float most = std::numeric_limits<float>::max();
  const auto ends = sorted_points(floats({-most, most, -most / 2, most / 2}), {});
  EXPECT_EQ(kmeans_exact(ends, 1), floats({0}));
  EXPECT_EQ(kmeans_lloyd(ends, 2), floats({-0.75f * most, 0.75f * most}));
  EXPECT_EQ(quantile_levels(ends, 2), floats({-0.75f * most, 0.75f * most}));
}

// Weights so unequal that the lesser vanish in the sums: any levels will do, but they have to be levels.
TEST(KMeans, SurvivesWeightsThatVanishBesideOthers) {
  Random random(30);
  for (int round = 0; round < 2000; ++round) {
    auto values = draw(Shape::gaussian, 12, random.next());
    std::vector<float> importance(values.size());
    for (float& w : importance) w = std::ldexp(1.0f, int(random.integer(-120, 120)));
    for (float& x : values) x = std::ldexp(x, round % 2 != 0 ? int(random.integer(-100, 100)) : 0);
    const auto p = sorted_points(values, importance);
    for (const auto& levels : {kmeans_exact(p, 4), kmeans_lloyd(p, 4)}) {
      EXPECT_EQ(levels.size(), 4u);
      expect_ascending(levels);
      EXPECT_GE(levels.front(), p.x.front());
      EXPECT_LE(levels.back(), p.x.back());
    }
  }
}

TEST(KMeans, MeansStayWithinTheirClusters) {
  Random random(32);
  for (int round = 0; round < 100; ++round) {
    // Rounding at the size of the first point is far more than the others.
    std::vector<float> values = {-1e30f}, importance = {1e-30f};
    for (int i = 1; i <= 12; ++i) {
      values.push_back(static_cast<float>(i) * 1e-30f);
      importance.push_back(std::ldexp(random.uniform() + 1, int(random.integer(0, 39))));
    }
    const float mean = kmeans_exact(sorted_points(values, importance), 1).at(0);
    EXPECT_TRUE(mean >= -1e30f && mean <= 12e-30f) << round << " " << mean;
  }
}

// Those that vanish get no level that the others could use.
TEST(KMeans, VanishingWeightsTakeNoLevels) {
  std::vector<float> values = draw(Shape::uniform, 50, 31), importance(50, 1e-30f);
  for (const float x : {-0.5f, 0.0f, 0.1f, 0.5f, 0.75f})
    for (int i = -5; i <= 5; ++i) {
      values.push_back(x + static_cast<float>(i) * 0.0078125f);
      importance.push_back(1);
    }
  const auto p = sorted_points(values, importance);
  // Five clusters of 11 points at equal distances.
  const double expected = 5 * 110 * 0.0078125 * 0.0078125;
  EXPECT_NEAR(squared_error(p, kmeans_exact(p, 5)), expected, 1e-6);
  EXPECT_NEAR(squared_error(p, kmeans_lloyd(p, 5)), expected, 1e-6);
}

TEST(KMeans, RefusesImpossibleArguments) {
  const auto p = sorted_points(floats({1, 2, 3}), {});
  for (const int k : {-1, 0, 257}) {
    EXPECT_THROW(kmeans_exact(p, k), Error);
    EXPECT_THROW(kmeans_lloyd(p, k), Error);
    EXPECT_THROW(quantile_levels(p, k), Error);
  }
  EXPECT_THROW(sorted_points(floats({1, 2}), floats({1})), Error);
  EXPECT_THROW(binned_points(floats({1, 2}), floats({1}), 4), Error);
  EXPECT_THROW(binned_points(floats({1, 2}), {}, 0), Error);
}

}  // namespace
}  // namespace lowbit::detail
