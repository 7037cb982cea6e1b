// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/binary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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
using testing::random_importance;

double sign_of(int combination, int plane) {
  return combination >> plane & 1 ? -1.0 : 1.0;
}

// By trying all sums for each value.
double squared_error(std::span<const float> x, const BinaryGroup& g, std::span<const float> importance = {}) {
  std::vector<double> sums;
  for (int c = 0; c < 1 << g.planes; ++c) {
    sums.push_back(0);
    for (int p = 0; p < g.planes; ++p) sums.back() += sign_of(c, p) * double(g.scales[std::size_t(p)]);
  }
  double total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    double best = std::numeric_limits<double>::infinity();
    for (const double s : sums) best = std::min(best, (double(x[i]) - s) * (double(x[i]) - s));
    total += best * (importance.empty() ? 1.0 : double(importance[i]));
  }
  return total;
}

// What a least-squares fit of the scales to these signs (a combination for each value) leaves.
double residual(std::span<const float> x, std::span<const float> importance, const std::vector<int>& signs,
                int planes) {
  std::array<std::array<double, 5>, 4> rows{};
  double rest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double w = importance.empty() ? 1.0 : double(importance[i]), v = double(x[i]);
    rest += w * v * v;
    for (int p = 0; p < planes; ++p) {
      auto& row = rows[std::size_t(p)];
      for (int q = 0; q < planes; ++q) row[std::size_t(q)] += w * sign_of(signs[i], p) * sign_of(signs[i], q);
      row[4] += w * sign_of(signs[i], p) * v;
    }
  }
  for (std::size_t p = 0; p < std::size_t(planes); ++p) {
    if (rows[p][p] < 1e-9) continue;
    rest -= rows[p][4] * rows[p][4] / rows[p][p];
    for (std::size_t q = p + 1; q < std::size_t(planes); ++q) {
      const double factor = rows[q][p] / rows[p][p];
      for (std::size_t j = p; j < 5; ++j) rows[q][j] -= factor * rows[p][j];
    }
  }
  return rest;
}

double best_of_all_signs(std::span<const float> x, std::span<const float> importance, int planes) {
  std::vector<int> signs(x.size(), 0);
  double best = std::numeric_limits<double>::infinity();
  for (bool more = true; more;) {
    best = std::min(best, residual(x, importance, signs, planes));
    more = false;
    for (std::size_t i = 0; i < signs.size() && !more; ++i) {
      signs[i] = (signs[i] + 1) % (1 << planes);
      more = signs[i] != 0;
    }
  }
  return best;
}

double energy(std::span<const float> x) {
  double sum = 0;
  for (const float v : x) sum += double(v) * double(v);
  return sum;
}

TEST(Binary, OnePlaneIsTheMeanMagnitude) {
  for (const std::size_t n : {1u, 5u, 1000u})
    for (const bool weighted : {false, true}) {
      const auto x = gaussian_values(n, n), importance = random_importance(weighted ? n : 0, 2);
      double sum = 0, weight = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double w = weighted ? double(importance[i]) : 1.0;
        sum += w * std::fabs(double(x[i]));
        weight += w;
      }
      const BinaryGroup g = Binary{}.fit(x, importance);
      EXPECT_EQ(g.planes, 1);
      EXPECT_FLOAT_EQ(g.scales[0], static_cast<float>(sum / weight));
      EXPECT_EQ(g.scales[1], 0);
    }
}

TEST(Binary, GaussianDistortionIsThatOfTheory) {
  const auto x = gaussian_values(1000000, 1);
  const auto distortion = [&](int planes) { return squared_error(x, Binary{.planes = planes}.fit(x)) / 1e6; };
  const double xnor = 1 - 2 / std::numbers::pi;
  EXPECT_NEAR(distortion(1), xnor, 0.01 * xnor);
  // Two planes give any four levels symmetric about zero, so that Max's optimum of 1960 is theirs. With more
  // planes the levels are bound to each other, but include the evenly spaced ones.
  EXPECT_NEAR(distortion(2), 0.1175, 0.01 * 0.1175);
  EXPECT_LE(distortion(3), 0.03744 * 1.015);
  EXPECT_LE(distortion(4), 0.01154 * 1.015);
  EXPECT_GE(distortion(3), 0.03454 * 0.99);   // of any eight levels
  EXPECT_GE(distortion(4), 0.009497 * 0.99);  // of any sixteen
}

TEST(Binary, GreedyHasTheClosedForm) {
  const auto x = gaussian_values(200, 3);
  std::vector<double> rest(x.begin(), x.end());
  const BinaryGroup g = Binary{.planes = 4, .refinements = 0}.fit(x);
  for (const float scale : g.scales) {
    double mean = 0;
    for (const double r : rest) mean += std::fabs(r) / double(rest.size());
    for (double& r : rest) r -= std::copysign(mean, r);
    EXPECT_NEAR(scale, mean, 1e-5 * mean);
  }
}

TEST(Binary, RefinementIsNeverWorseThanGreedy) {
  double refined = 0, greedy = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    for (int planes = 2; planes <= 4; ++planes)
      for (const bool weighted : {false, true}) {
        const auto x = gaussian_values(2 + seed, seed);
        const auto importance = random_importance(weighted ? x.size() : 0, seed);
        const Binary greedy_only{.planes = planes, .refinements = 0};
        const double before = squared_error(x, greedy_only.fit(x, importance), importance);
        double last = before;
        for (const int refinements : {1, 5, 15, 100}) {
          const Binary quantizer{.planes = planes, .refinements = refinements};
          const double error = squared_error(x, quantizer.fit(x, importance), importance);
          EXPECT_LE(error, before + 1e-9 * energy(x)) << seed << " " << planes;
          last = error;
        }
        refined += last;
        greedy += before;
      }
  EXPECT_LT(refined, 0.8 * greedy);
}

TEST(Binary, TwoPlanesAreTheBestOfAllSigns) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto x = gaussian_values(1 + seed % 6, seed);
    const auto importance = random_importance(seed % 2 ? x.size() : 0, seed);
    const double best = best_of_all_signs(x, importance, 2);
    EXPECT_NEAR(squared_error(x, Binary{.planes = 2}.fit(x, importance), importance), best, 1e-6) << seed;
  }
}

TEST(Binary, ThreePlanesAreCloseToTheBestOfAllSigns) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto x = gaussian_values(3 + seed % 2, seed);
    const double best = best_of_all_signs(x, {}, 3);
    EXPECT_LE(squared_error(x, Binary{.planes = 3}.fit(x)), best + 0.02 * energy(x)) << seed;
  }
}

TEST(Binary, FindsScalesThatAreExact) {
  for (const std::array<float, 4> scales :
       {std::array{8.0f, 4.0f, 2.0f, 1.0f}, std::array{5.0f, 2.0f, 0.5f, 0.25f}})
    for (int planes = 1; planes <= 4; ++planes) {
      std::vector<float> x;
      for (int c = 0; c < 1 << planes; ++c) {
        x.push_back(0);
        for (int p = 0; p < planes; ++p) x.back() += float(sign_of(c, p)) * scales[std::size_t(p)];
      }
      const BinaryGroup g = Binary{.planes = planes}.fit(x);
      for (int p = 0; p < planes; ++p)
        EXPECT_NEAR(g.scales[std::size_t(p)], scales[std::size_t(p)], 1e-5) << planes;
    }
}

TEST(Binary, ScalesArePositiveNormalAndInDescendingOrder) {
  const std::vector<std::vector<float>> groups = {{},
                                                  {0, 0, -0.0f},
                                                  {NAN, kInf},
                                                  {5},
                                                  {-5, -5, 5},
                                                  {1e-45f},
                                                  {1e-39f, -1e-45f},
                                                  {3.4e38f, -3.4e38f},
                                                  {1e-45f, 3e38f},
                                                  {1, 2, 4},
                                                  {1, 2, 3, 4, 5, 6, 7, 8}};
  for (const auto& x : groups)
    for (int planes = 1; planes <= 4; ++planes)
      for (const int refinements : {0, 15}) {
        const BinaryGroup g = Binary{.planes = planes, .refinements = refinements}.fit(x);
        EXPECT_EQ(g.planes, planes);
        for (std::size_t p = 0; p < 4; ++p) {
          const float s = g.scales[p];
          if (p >= std::size_t(planes)) {
            EXPECT_EQ(s, 0);
            continue;
          }
          EXPECT_TRUE(std::isnormal(s) && s > 0);
          EXPECT_LE(s, p == 0 ? s : g.scales[p - 1]);
        }
      }
}

TEST(Binary, ZerosStayAsGoodAsZero) {
  for (int planes = 1; planes <= 4; ++planes) {
    const BinaryGroup g = Binary{.planes = planes}.fit(std::vector<float>(7, 0.0f));
    for (int p = 0; p < planes; ++p) EXPECT_EQ(g.scales[std::size_t(p)], std::numeric_limits<float>::min());
  }
}

TEST(Binary, OneValueIsExact) {
  for (int planes = 1; planes <= 4; ++planes)
    for (const float v : {3.0f, -0.1f, 3e38f}) {
      const std::vector<float> x = {v, -v, v};
      EXPECT_LE(squared_error(x, Binary{.planes = planes}.fit(x)), 1e-12 * energy(x)) << planes << " " << v;
    }
}

TEST(Binary, ThreeMagnitudesAreExactWithFourPlanes) {
  // Here the signs of some planes follow from those of others.
  const std::vector<float> x = {1, -2, 4};
  EXPECT_LE(squared_error(x, Binary{.planes = 4}.fit(x)), 1e-9);
}

TEST(Binary, SkipsWhatDoesNotCount) {
  const auto x = gaussian_values(50, 4);
  auto dirty = x;
  for (const float bad : {NAN, kInf, -kInf}) dirty.insert(dirty.begin() + 20, bad);
  auto with_outlier = x;
  with_outlier.push_back(100.0f);
  std::vector<float> importance(51, 2.0f);
  for (int planes = 1; planes <= 4; ++planes) {
    const Binary quantizer{.planes = planes};
    const BinaryGroup clean = quantizer.fit(x);
    EXPECT_EQ(quantizer.fit(dirty).scales, clean.scales);
    for (const float none : {0.0f, -1.0f, NAN, kInf}) {
      importance[50] = none;
      EXPECT_EQ(quantizer.fit(with_outlier, importance).scales, clean.scales) << none;
    }
    EXPECT_EQ(quantizer.fit(x, std::vector<float>(50, 0.0f)).scales, clean.scales);
  }
}

TEST(Binary, RefusesImpossibleArguments) {
  const std::vector<float> x(4), three(3);
  for (const int planes : {-1, 0, 5}) EXPECT_THROW(Binary{.planes = planes}.fit(x), Error);
  EXPECT_THROW(Binary{}.fit(x, three), Error);
  EXPECT_EQ(Binary{.planes = 3}.code_bits(), 3);
}

}  // namespace
}  // namespace lowbit
