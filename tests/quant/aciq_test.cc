// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/detail/aciq.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "support/random.h"

namespace lowbit::detail {
namespace {

// Expected squared error for density 1 / 2 exp(-|x|), in units of b: of clipping, and of rounding to 2^bits
// levels.
double laplace_error(double alpha, int bits) {
  return 2 * std::exp(-alpha) + alpha * alpha / (3 * std::exp2(2 * bits));
}
double gaussian_error(double alpha, int bits) {
  return (alpha * alpha + 1) * std::erfc(alpha / std::numbers::sqrt2) +
         alpha * alpha / (3 * std::exp2(2 * bits)) -
         std::sqrt(2 / std::numbers::pi) * alpha * std::exp(-alpha * alpha / 2);
}

// By golden sections.
template <class F>
double minimum_of(F f) {
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double lo = 0.5, hi = 15;
  while (hi - lo > 1e-7) {
    const double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
    (f(a) < f(b) ? hi : lo) = f(a) < f(b) ? b : a;
  }
  return lo;
}

TEST(Aciq, AlphasMinimizeTheExpectedError) {
  for (int bits = 2; bits <= 9; ++bits) {
    EXPECT_NEAR(aciq_gaussian(bits), minimum_of([&](double a) { return gaussian_error(a, bits); }), 1e-3);
    EXPECT_NEAR(aciq_laplace(bits), minimum_of([&](double a) { return laplace_error(a, bits); }), 1e-3);
    // alpha exp(alpha) = 3 * 4^bits, in closed form by Lambert's W.
    const double w = aciq_laplace(bits);
    EXPECT_NEAR(w * std::exp(w) / (3 * std::exp2(2 * bits)), 1, 1e-6);
  }
}

TEST(Aciq, AlphasAreThePublishedOnes) {
  EXPECT_EQ(aciq_gaussian(2), 1.71063519);
  EXPECT_EQ(aciq_gaussian(4), 2.55913646);
  EXPECT_EQ(aciq_gaussian(8), 3.92403714);
  EXPECT_EQ(aciq_laplace(2), 2.83068299);
  EXPECT_EQ(aciq_laplace(4), 5.02864014);
  EXPECT_EQ(aciq_laplace(8), 9.89675982);
}

TEST(Aciq, ChoosesTheDensityThatGaveTheValues) {
  testing::Random random(1);
  std::vector<float> gaussian(20000), laplace(20000);
  for (float& v : gaussian) v = 3 * random.gaussian() + 7;
  for (float& v : laplace) {
    const double u = double(random.uniform());
    v = static_cast<float>(std::copysign(2 * -std::log(1 - std::fabs(u) + 0x1p-24), u) - 5);
  }
  const Spread g = finite_spread(gaussian, finite_mean(gaussian));
  EXPECT_NEAR(finite_mean(gaussian), 7, 0.1);
  EXPECT_NEAR(g.sigma, 3, 0.1);
  EXPECT_DOUBLE_EQ(aciq_alpha(g, 4), 2.55913646 * g.sigma);
  const Spread l = finite_spread(laplace, finite_mean(laplace));
  EXPECT_NEAR(finite_mean(laplace), -5, 0.1);
  EXPECT_NEAR(l.b, 2, 0.1);
  EXPECT_DOUBLE_EQ(aciq_alpha(l, 4), 5.02864014 * l.b);
}

TEST(Aciq, TheChoiceIsTheGreaterLikelihood) {
  for (double ratio = 1; ratio < 2; ratio += 0.01) {
    const double sigma = ratio, b = 1;
    const double gaussian = -std::log(sigma) - std::log(2 * std::numbers::pi * std::numbers::e) / 2;
    const double laplace = -std::log(2 * b) - 1;
    EXPECT_DOUBLE_EQ(aciq_alpha({sigma, b}, 3),
                     gaussian > laplace ? aciq_gaussian(3) * sigma : aciq_laplace(3) * b);
  }
}

TEST(Aciq, MomentsSkipNonFiniteValues) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {1, NAN, 5, inf, -inf}, none = {NAN};
  EXPECT_EQ(finite_mean(x), 3);
  EXPECT_EQ(finite_spread(x, 3).sigma, 2);
  EXPECT_EQ(finite_spread(x, 3).b, 2);
  EXPECT_EQ(finite_spread(x, 0).b, 3);
  EXPECT_EQ(finite_mean(none), 0);
  EXPECT_EQ(finite_spread(none, 0).sigma, 0);
  EXPECT_EQ(aciq_alpha({0, 0}, 4), 0);
  // Neither squares nor sums of the largest floats overflow.
  const std::vector<float> huge(4, 3e38f);
  EXPECT_DOUBLE_EQ(finite_mean(huge), double(3e38f));
  EXPECT_DOUBLE_EQ(finite_spread(huge, 0).sigma, double(3e38f));
}

}  // namespace
}  // namespace lowbit::detail
