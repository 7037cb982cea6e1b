// SPDX-License-Identifier: Apache-2.0
// A million Gaussian values against what is known of the best uniform quantizers: Max, "Quantizing for
// minimum distortion", 1960, for levels that lie anywhere; a search by brute force where zero must be one of
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/quant/affine.h"
#include "support/values.h"

namespace lowbit {
namespace {

using testing::gaussian_values;
using testing::million_gaussian_values;

// Nearest level, clamped; plain doubles.
double distortion(std::span<const float> x, double scale, double offset, int qmin, int qmax) {
  double sum = 0;
  for (const float v : x) {
    const double code = std::clamp(std::nearbyint((double(v) - offset) / scale), double(qmin), double(qmax));
    const double e = double(v) - (code * scale + offset);
    sum += e * e;
  }
  return sum / double(x.size());
}
double distortion(std::span<const float> x, const AffineGroup& g) {
  return distortion(x, g.scale, g.offset, g.qmin - g.zero_point, g.qmax - g.zero_point);
}

AffineGroup fit_mse(std::span<const float> x, int bits, Mapping mapping) {
  return detail::fit_affine(x, {}, bits, mapping, Clip::mse);
}

TEST(AffineTheory, RealOffsetReachesMaxsDistortion) {
  const double published[] = {0.1188, 0.03744, 0.01154, 0.003495, 0.001041};
  for (int bits = 2; bits <= 6; ++bits) {
    const AffineGroup g = fit_mse(million_gaussian_values(), bits, Mapping::asymmetric_real);
    const double d = distortion(million_gaussian_values(), g), expected = published[bits - 2];
    EXPECT_NEAR(d, expected, 0.015 * expected) << bits;
    // The best levels are symmetric about the mean.
    EXPECT_NEAR(g.offset + g.scale * float(g.qmax) / 2, 0, 0.05) << bits;
  }
}

TEST(AffineTheory, TheTypedQuantizerIsTheSame) {
  const std::span<const float> x(million_gaussian_values().data(), 1000);
  const AffineGroup typed = Affine<3>{.mapping = Mapping::asymmetric_real, .clip = Clip::mse}.fit(x);
  const AffineGroup g = fit_mse(x, 3, Mapping::asymmetric_real);
  EXPECT_EQ(typed.scale, g.scale);
  EXPECT_EQ(typed.offset, g.offset);
  EXPECT_NE(typed.offset, 0);
}

// Squared error over sorted values by prefix sums: each code's share in a few operations.
class SortedError {
 public:
  explicit SortedError(std::vector<float> x) : x_(std::move(x)) {
    std::sort(x_.begin(), x_.end());
    for (const float v : x_) {
      sum_.push_back(sum_.back() + double(v));
      squares_.push_back(squares_.back() + double(v) * double(v));
    }
  }
  double operator()(double scale, int lowest, int highest) const {
    double error = squares_.back();
    std::size_t begin = 0;
    for (int k = lowest; k <= highest; ++k) {
      const auto at = std::upper_bound(x_.begin(), x_.end(), (k + 0.5) * scale);
      const std::size_t end = k == highest ? x_.size() : static_cast<std::size_t>(at - x_.begin());
      const double level = k * scale;
      error += level * (level * double(end - begin) - 2 * (sum_[end] - sum_[begin]));
      begin = end;
    }
    return error / double(x_.size());
  }

 private:
  std::vector<float> x_;
  std::vector<double> sum_{0}, squares_{0};
};

double best_of_all_zero_points(const SortedError& error, int bits, double largest_scale) {
  const int top = (1 << bits) - 1;
  double best = std::numeric_limits<double>::infinity();
  for (int zero = 0; zero <= top; ++zero)
    for (int i = 1; i <= 120; ++i) best = std::min(best, error(largest_scale * i / 120, -zero, top - zero));
  return best;
}

TEST(AffineTheory, IntegerZeroPointReachesBruteForce) {
  const SortedError error(million_gaussian_values());
  for (int bits = 2; bits <= 6; ++bits) {
    const double best = best_of_all_zero_points(error, bits, 8.0 / (1 << bits));
    const AffineGroup g = fit_mse(million_gaussian_values(), bits, Mapping::asymmetric);
    EXPECT_LE(distortion(million_gaussian_values(), g), 1.015 * best) << bits;
    EXPECT_GE(distortion(million_gaussian_values(), g), 0.99 * best)
        << bits;  // the grid is fine enough to judge by
  }
}

TEST(AffineTheory, SymmetricReachesBruteForce) {
  const SortedError error(million_gaussian_values());
  for (int bits = 2; bits <= 6; ++bits) {
    const int top = (1 << (bits - 1)) - 1;
    double best = std::numeric_limits<double>::infinity();
    for (int i = 1; i <= 400; ++i) best = std::min(best, error(5.0 / top * i / 400, -top, top));
    const double found =
        distortion(million_gaussian_values(), fit_mse(million_gaussian_values(), bits, Mapping::symmetric));
    EXPECT_LE(found, 1.001 * best) << bits;
    EXPECT_GE(found, 0.99 * best) << bits;
  }
}

TEST(AffineTheory, RealOffsetReachesBruteForceOnSmallGroups) {
  for (int bits = 2; bits <= 4; ++bits) {
    double found = 0, brute = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const auto x = gaussian_values(24, seed);
      const AffineGroup full = detail::fit_affine(x, {}, bits, Mapping::asymmetric_real, Clip::minmax);
      const double width = full.scale * double(full.qmax);
      double best = std::numeric_limits<double>::infinity();
      for (int i = 0; i <= 80; ++i)
        for (int j = i + 8; j <= 100; ++j)
          best = std::min(best, distortion(x, width * (j - i) / 100 / full.qmax,
                                           full.offset + width * i / 100, 0, full.qmax));
      const double d = distortion(x, fit_mse(x, bits, Mapping::asymmetric_real));
      EXPECT_LE(d, distortion(x, full) * 1.000001);
      found += d;
      brute += best;
    }
    EXPECT_LE(found, 1.05 * brute) << bits;
  }
}

TEST(AffineTheory, RealOffsetFollowsShiftAndScaleOfTheValues) {
  const auto x = gaussian_values(300, 7);
  const double plain = distortion(x, fit_mse(x, 4, Mapping::asymmetric_real));
  for (const float shift : {-64.0f, 0.5f, 1024.0f}) {
    auto moved = x;
    for (float& v : moved) v = 4 * v + shift;
    EXPECT_NEAR(distortion(moved, fit_mse(moved, 4, Mapping::asymmetric_real)), 16 * plain,
                16 * plain * 0.05);
  }
}

TEST(AffineTheory, OutliersDoNotMoveTheLevelsOffTheBulk) {
  // Steps are many standard deviations wide: what matters is that one level is where most of the values are.
  auto x = million_gaussian_values();
  x[5] = 1000, x[77] = -300;
  for (const int bits : {2, 4})
    EXPECT_LE(distortion(x, fit_mse(x, bits, Mapping::asymmetric_real)),
              1.01 * distortion(x, fit_mse(x, bits, Mapping::asymmetric)))
        << bits;
}

}  // namespace
}  // namespace lowbit
