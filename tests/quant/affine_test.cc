#include "lowbit/quant/affine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"
#include "support/random.h"

namespace lowbit {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

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

TEST(FitAffine, IgnoresNonFiniteValues) {
  for (const Mapping mapping : {Mapping::symmetric, Mapping::asymmetric})
    for (const Clip clip : {Clip::minmax, Clip::mse}) {
      std::vector<float> x = gaussians(100, 5), dirty = x;
      for (const float bad : {NAN, kInf, -kInf}) dirty.push_back(bad);
      // A zero costs nothing, so that the clean group may hold three of them.
      x.insert(x.end(), 3, 0.0f);
      const AffineGroup a = fit(x, 5, mapping, clip), b = fit(dirty, 5, mapping, clip);
      EXPECT_EQ(a.scale, b.scale);
      EXPECT_EQ(a.zero_point, b.zero_point);
    }
}

TEST(FitAffine, DegenerateGroupsHaveAUsableScale) {
  const std::vector<std::vector<float>> groups = {
      {},         {0, 0, 0}, {-0.0f},  {1e-45f, -1e-45f}, {1e-39f},       {3.4e38f, -3.4e38f},
      {-3.4e38f}, {5, 5, 5}, {-5, -5}, {NAN, kInf},       {1e-45f, 3e38f}};
  for (const auto& x : groups)
    for (int bits = 2; bits <= 8; ++bits)
      for (const Mapping mapping : {Mapping::symmetric, Mapping::asymmetric})
        for (const Clip clip : {Clip::minmax, Clip::mse}) {
          const AffineGroup g = fit(x, bits, mapping, clip);
          EXPECT_TRUE(std::isnormal(g.scale) && g.scale > 0) << g.scale;
          EXPECT_TRUE(g.zero_point >= g.qmin && g.zero_point <= g.qmax);
        }
  // A constant is an end of the range: exact up to the rounding of the scale.
  const AffineGroup five = fit(groups[7], 8, Mapping::asymmetric, Clip::minmax);
  EXPECT_FLOAT_EQ(five.scale * 255, 5);
}

TEST(FitAffine, RefusesImpossibleOptions) {
  const std::vector<float> x(4), three(3);
  EXPECT_THROW(fit(x, 1, Mapping::symmetric, Clip::minmax), Error);
  EXPECT_THROW(fit(x, 9, Mapping::symmetric, Clip::minmax), Error);
  EXPECT_THROW(fit(x, 8, Mapping::asymmetric_real, Clip::minmax), Error);
  EXPECT_THROW(fit(x, 8, Mapping::symmetric, Clip::aciq), Error);
  EXPECT_THROW(fit(x, 8, Mapping::symmetric, Clip::mse, three), Error);
}

}  // namespace
}  // namespace lowbit
