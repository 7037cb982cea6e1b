// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/affine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

constexpr Mapping kMappings[] = {Mapping::symmetric, Mapping::asymmetric, Mapping::asymmetric_real};
constexpr Clip kClips[] = {Clip::minmax, Clip::mse, Clip::aciq, Clip::percentile};

std::vector<float> gaussians(std::size_t n, std::uint64_t seed, float shift = 0) {
  testing::Random random(seed);
  std::vector<float> v(n);
  for (auto& x : v) x = random.gaussian() + shift;
  return v;
}

// Plain doubles, division, std::nearbyint.
double squared_error(std::span<const float> x, double scale, double zero, double qmin, double qmax,
                     std::span<const float> importance = {}) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) continue;
    const double code = std::min(qmax, std::max(qmin, std::nearbyint(x[i] / scale) + zero));
    const double e = x[i] - (code - zero) * scale;
    sum += e * e * (importance.empty() ? 1.0 : double(importance[i]));
  }
  return sum;
}
double squared_error(std::span<const float> x, const AffineGroup& g, std::span<const float> importance = {}) {
  return squared_error(x, g.scale, g.zero_point, g.qmin, g.qmax, importance);
}

AffineGroup fit(std::span<const float> x, int bits, Mapping mapping, Clip clip,
                std::span<const float> importance = {}) {
  return detail::fit_affine(x, importance, bits, mapping, clip);
}

TEST(FitAffine, SymmetricMinMaxHasTheClosedForm) {
  for (int bits = 2; bits <= 8; ++bits) {
    const auto x = gaussians(333, 1);
    float largest = 0;
    for (const float v : x) largest = std::max(largest, std::fabs(v));
    const AffineGroup g = fit(x, bits, Mapping::symmetric, Clip::minmax);
    const int qmax = (1 << (bits - 1)) - 1;
    EXPECT_EQ(g.scale, static_cast<float>(double(largest) / qmax));
    EXPECT_EQ(g.zero_point, 0);
    EXPECT_EQ(g.qmin, -qmax);
    EXPECT_EQ(g.qmax, qmax);
  }
}

TEST(FitAffine, AsymmetricMinMaxHasTheClosedForm) {
  for (int bits = 2; bits <= 8; ++bits)
    for (const float shift : {0.0f, 1.0f, -2.0f, 20.0f, -20.0f}) {
      const auto x = gaussians(333, 2, shift);
      double lo = 0, hi = 0;
      for (const float v : x) lo = std::min<double>(lo, v), hi = std::max<double>(hi, v);
      const AffineGroup g = fit(x, bits, Mapping::asymmetric, Clip::minmax);
      const int qmax = (1 << bits) - 1;
      EXPECT_EQ(g.scale, static_cast<float>((hi - lo) / qmax));
      EXPECT_EQ(g.zero_point, std::nearbyint(-lo / double(g.scale)));
      EXPECT_EQ(g.qmin, 0);
      EXPECT_EQ(g.qmax, qmax);
    }
}

TEST(FitAffine, MseIsAsGoodAsAFineGridSymmetric) {
  for (int bits = 2; bits <= 8; ++bits) {
    const auto x = gaussians(512, std::uint64_t(bits));
    const AffineGroup full = fit(x, bits, Mapping::symmetric, Clip::minmax);
    double best = std::numeric_limits<double>::infinity();
    for (int i = 1; i <= 1000; ++i)
      best = std::min(best, squared_error(x, full.scale * double(i) / 1000, 0, full.qmin, full.qmax));
    const double found = squared_error(x, fit(x, bits, Mapping::symmetric, Clip::mse));
    EXPECT_LE(found, 1.02 * best) << bits;
    EXPECT_LE(found, squared_error(x, full) * 1.000001) << bits;
  }
}

TEST(FitAffine, MseIsAsGoodAsAFineGridAsymmetric) {
  for (int bits = 2; bits <= 8; ++bits)
    for (const float shift : {0.0f, 0.7f, 3.0f}) {
      const auto x = gaussians(160, std::uint64_t(10 + bits), shift);
      const AffineGroup full = fit(x, bits, Mapping::asymmetric, Clip::minmax);
      const double lo = -full.zero_point * double(full.scale), hi = lo + full.qmax * double(full.scale);
      double best = std::numeric_limits<double>::infinity();
      for (int i = 0; i <= 60; ++i)
        for (int j = 1; j <= 60; ++j) {
          const double scale = (hi * j - lo * i) / 60 / full.qmax;
          best = std::min(best, squared_error(x, scale, std::nearbyint(-lo * i / 60 / scale), 0, full.qmax));
        }
      const double found = squared_error(x, fit(x, bits, Mapping::asymmetric, Clip::mse));
      EXPECT_LE(found, 1.1 * best) << bits << " " << shift;
      EXPECT_LE(found, squared_error(x, full) * 1.000001) << bits << " " << shift;
    }
}

TEST(FitAffine, ImportanceDecidesWhatIsClipped) {
  std::vector<float> x = gaussians(200, 4), importance(x.size(), 1.0f);
  x[17] = 30.0f;
  importance[17] = 0.0f;
  const AffineGroup without = fit(x, 4, Mapping::symmetric, Clip::mse, importance);
  EXPECT_LT(without.scale * 7, 4);  // the outlier does not count
  importance[17] = 1e6f;
  EXPECT_GT(fit(x, 4, Mapping::symmetric, Clip::mse, importance).scale * 7, 29);  // nothing else does
  for (const float odd : {NAN, kInf, -1.0f, 3e38f}) {
    importance[17] = odd;
    const AffineGroup g = fit(x, 4, Mapping::symmetric, Clip::mse, importance);
    EXPECT_TRUE(std::isnormal(g.scale) && g.scale > 0) << odd;
  }
}

TEST(FitAffine, ImportanceThatNothingHasCountsForNothing) {
  const std::vector<float> x = gaussians(64, 14), none(64, 0.0f);
  for (const Mapping mapping : kMappings)
    EXPECT_EQ(fit(x, 3, mapping, Clip::mse, none).scale, fit(x, 3, mapping, Clip::mse).scale);
}

TEST(FitAffine, IgnoresNonFiniteValues) {
  for (const Mapping mapping : kMappings)
    for (const Clip clip : kClips) {
      const std::vector<float> x = gaussians(100, 5, 3.0f);
      std::vector<float> dirty = x;
      for (const float bad : {NAN, kInf, -kInf})
        dirty.insert(dirty.begin() + static_cast<std::ptrdiff_t>(dirty.size() / 2), bad);
      const AffineGroup a = fit(x, 5, mapping, clip), b = fit(dirty, 5, mapping, clip);
      EXPECT_EQ(a.scale, b.scale);
      EXPECT_EQ(a.zero_point, b.zero_point);
      EXPECT_EQ(a.offset, b.offset);
    }
}

TEST(FitAffine, DegenerateGroupsHaveAUsableScale) {
  const std::vector<std::vector<float>> groups = {
      {},         {0, 0, 0}, {-0.0f},  {1e-45f, -1e-45f}, {1e-39f},       {3.4e38f, -3.4e38f},
      {-3.4e38f}, {5, 5, 5}, {-5, -5}, {NAN, kInf},       {1e-45f, 3e38f}};
  for (const auto& x : groups)
    for (int bits = 2; bits <= 8; ++bits)
      for (const Mapping mapping : kMappings)
        for (const Clip clip : kClips) {
          const AffineGroup g = fit(x, bits, mapping, clip);
          EXPECT_TRUE(std::isnormal(g.scale) && g.scale > 0) << g.scale;
          EXPECT_TRUE(g.zero_point >= g.qmin && g.zero_point <= g.qmax);
          EXPECT_TRUE(std::isfinite(g.offset) && (g.offset == 0 || mapping == Mapping::asymmetric_real));
        }
  // A constant is an end of the range: exact up to the rounding of the scale.
  const AffineGroup five = fit(groups[7], 8, Mapping::asymmetric, Clip::minmax);
  EXPECT_FLOAT_EQ(five.scale * 255, 5);
  for (const Clip clip : kClips) {
    EXPECT_EQ(fit(groups[7], 8, Mapping::asymmetric_real, clip).offset, 5);
    EXPECT_EQ(fit(groups[8], 8, Mapping::asymmetric_real, clip).offset, -5);
  }
}

TEST(FitAffine, RealOffsetSpansTheValuesAndNothingElse) {
  for (int bits = 2; bits <= 8; ++bits)
    for (const float shift : {0.0f, 20.0f, -1000.0f}) {
      const auto x = gaussians(333, 2, shift);
      const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
      const AffineGroup g = fit(x, bits, Mapping::asymmetric_real, Clip::minmax);
      EXPECT_EQ(g.offset, *lo);
      EXPECT_EQ(g.scale, static_cast<float>((double(*hi) - double(*lo)) / g.qmax));
      EXPECT_EQ(g.zero_point, 0);
      EXPECT_EQ(g.qmin, 0);
      EXPECT_EQ(g.qmax, (1 << bits) - 1);
    }
}

// 0, 1, ... 100 in some order: the quantile q is 100 q.
std::vector<float> percents(float shift) {
  std::vector<float> x;
  for (int i = 0; i <= 100; ++i) x.push_back(float(i * 37 % 101) + shift);
  return x;
}

TEST(FitAffine, PercentileHasTheClosedForm) {
  const auto span = [](const AffineGroup& g) { return g.scale * float(g.qmax); };
  const auto with = [](std::span<const float> x, Mapping mapping, float percentile) {
    return detail::fit_affine(x, {}, 6, mapping, Clip::percentile, percentile);
  };
  for (const float shift : {0.0f, -100.0f}) {
    const auto x = percents(shift);
    EXPECT_FLOAT_EQ(span(with(x, Mapping::symmetric, 90)), 90);
    EXPECT_FLOAT_EQ(span(with(x, Mapping::symmetric, 90.25f)), 90.25f);
    EXPECT_FLOAT_EQ(with(x, Mapping::asymmetric_real, 90).offset, 5 + shift);
    EXPECT_FLOAT_EQ(span(with(x, Mapping::asymmetric_real, 90)), 90);
    EXPECT_FLOAT_EQ(with(x, Mapping::asymmetric_real, 87.5f).offset, 6.25f + shift);
    EXPECT_FLOAT_EQ(span(with(x, Mapping::asymmetric_real, 87.5f)), 87.5f);
    EXPECT_FLOAT_EQ(span(with(x, Mapping::asymmetric, 90)), 95);  // zero is one of the levels
    for (const Mapping mapping : kMappings)
      EXPECT_EQ(with(x, mapping, 100).scale, fit(x, 6, mapping, Clip::minmax).scale);
  }
  const Affine<6> typed{.clip = Clip::percentile, .percentile = 50};
  EXPECT_FLOAT_EQ(span(typed.fit(percents(0))), 50);
  // Half of the values have no width: the range is that of all.
  const std::vector<float> sparse = {0, 0, 0, 0, 0, 0, 0, 0, -2, 3};
  for (const Mapping mapping : kMappings)
    EXPECT_EQ(with(sparse, mapping, 50).scale, fit(sparse, 6, mapping, Clip::minmax).scale);
}

TEST(FitAffine, AciqClipsAtThePublishedMultiples) {
  // Two values: sigma and b are alike, which is likelier for a Gaussian than for a Laplacian. With outliers
  // to the right and left the ratio of sigma to b is that of a Laplacian or more.
  std::vector<float> flat(1000), peaked(1000, 0.0f);
  for (std::size_t i = 0; i < flat.size(); ++i) flat[i] = i % 2 ? 1.0f : -1.0f;
  for (std::size_t i = 0; i < 100; ++i) peaked[i * 10] = i % 2 ? 4.0f : -4.0f;
  flat[0] = -9, flat[1] = 9;  // room for clips
  peaked[0] = -50, peaked[10] = 50;
  double sigma = 0, b = 0;
  for (const float v : flat) sigma += double(v) * double(v) / 1000;
  for (const float v : peaked) b += std::fabs(double(v)) / 1000;
  EXPECT_FLOAT_EQ(fit(flat, 4, Mapping::symmetric, Clip::aciq).scale * 7,
                  static_cast<float>(2.55913646 * std::sqrt(sigma)));
  EXPECT_FLOAT_EQ(fit(peaked, 4, Mapping::symmetric, Clip::aciq).scale * 7,
                  static_cast<float>(5.02864014 * b));
  for (float& v : flat) v += 50;
  const AffineGroup real = fit(flat, 4, Mapping::asymmetric_real, Clip::aciq);
  EXPECT_FLOAT_EQ(real.offset, static_cast<float>(50 - 2.55913646 * std::sqrt(sigma)));
  EXPECT_FLOAT_EQ(real.scale * 15, static_cast<float>(2 * 2.55913646 * std::sqrt(sigma)));
  EXPECT_FLOAT_EQ(fit(flat, 4, Mapping::asymmetric, Clip::aciq).scale * 15,
                  static_cast<float>(50 + 2.55913646 * std::sqrt(sigma)));
  // Never beyond the values.
  const std::vector<float> pair = {-1, 1};
  EXPECT_EQ(fit(pair, 8, Mapping::symmetric, Clip::aciq).scale,
            fit(pair, 8, Mapping::symmetric, Clip::minmax).scale);
}

TEST(FitAffine, RefusesImpossibleOptions) {
  const std::vector<float> x(4), three(3);
  EXPECT_THROW(fit(x, 1, Mapping::symmetric, Clip::minmax), Error);
  EXPECT_THROW(fit(x, 9, Mapping::symmetric, Clip::minmax), Error);
  for (const Clip clip : kClips) EXPECT_THROW(fit(x, 8, Mapping::symmetric, clip, three), Error);
  for (const float percentile : {0.0f, -1.0f, 100.5f, NAN, kInf}) {
    EXPECT_THROW(detail::fit_affine(x, {}, 8, Mapping::symmetric, Clip::percentile, percentile), Error);
    EXPECT_NO_THROW(detail::fit_affine(x, {}, 8, Mapping::symmetric, Clip::mse, percentile));
  }
}

}  // namespace
}  // namespace lowbit
