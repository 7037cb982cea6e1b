// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/expected_error.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/observe/choose_qparams.h"
#include "observe/distributions.h"

namespace lowbit {
namespace {

using testing::distributions;

FloatHistogram histogram_of(const std::vector<float>& x) {
  FloatHistogram h;
  h.observe(x);
  return h;
}

struct Slow {
  double error = 0, power = 0, clipped = 0, count = 0;
};

// Bin by bin: a bin is cut wherever a level's cell ends, and each piece is integrated by itself.
Slow slow_error(const FloatHistogram& h, QParams q, IntRange codes) {
  Slow sum;
  const double s = q.scale, low = (codes.qmin - q.zero_point) * s, high = (codes.qmax - q.zero_point) * s;
  for (const auto& b : h.bins()) {
    const auto n = double(b.count);
    sum.count += n;
    if (b.lo == b.hi) {
      const double e = b.lo - std::clamp(std::nearbyint(b.lo / s) * s, low, high);
      sum.error += n * e * e;
      sum.power += n * b.lo * b.lo;
      sum.clipped += b.lo < low - s / 2 || b.lo > high + s / 2 ? n : 0;
      continue;
    }
    for (double from = b.lo; from < b.hi;) {
      const double next = (std::floor(from / s + 0.5) + 0.5) * s;
      double to = std::min(b.hi, next > from ? next : next + s);
      const bool outside = from < low - s / 2 || from >= high + s / 2;
      if (from >= high + s / 2) to = b.hi;
      if (from < low - s / 2) to = std::min(b.hi, low - s / 2);
      const double part = n * (to - from) / (b.hi - b.lo);
      const double level = std::clamp(std::nearbyint((from + to) / 2 / s) * s, low, high);
      const double a = from - level, z = to - level;
      sum.error += part * (a * a + a * z + z * z) / 3;
      sum.power += part * (from * from + from * to + to * to) / 3;
      sum.clipped += outside ? part : 0;
      from = to;
    }
  }
  return sum;
}

TEST(ExpectedError, EqualsTheSumOverPiecesOfBins) {
  for (const auto& d : distributions())
    for (int bits = 2; bits <= 8; ++bits)
      for (const double shrink : {1.0, 0.6, 0.1}) {
        const auto h = histogram_of(draw(d, 3000, 5));
        const IntRange codes = bits % 2 ? signed_range(bits) : unsigned_range(bits);
        const QParams q = choose_qparams({std::min(h.min(), 0.0f) * float(shrink),
                                          std::max(h.max(), 0.0f) * float(shrink < 1 ? 0.7 * shrink : 1)},
                                         codes, bits % 3 ? Mapping::asymmetric : Mapping::symmetric);
        const ExpectedError e = expected_error(h, q, codes);
        const Slow slow = slow_error(h, q, codes);
        const double mse = slow.error / slow.count, power = slow.power / slow.count;
        EXPECT_NEAR(e.mse, mse, 1e-8 * mse + 1e-14 * power) << d.name << bits;
        EXPECT_NEAR(e.clipped, slow.clipped / slow.count, 1e-9) << d.name << bits;
        if (mse > 1e-12 * power) {
          EXPECT_NEAR(e.sqnr_db, 10 * std::log10(power / mse), 1e-6) << d.name;
        }
      }
}

TEST(ExpectedError, IsCloseToTheErrorOfTheValues) {
  for (const auto& d : distributions())
    for (const int bits : {2, 4, 8}) {
      const auto x = draw(d, 20000, 6);
      const auto h = histogram_of(x);
      const QParams q = choose_qparams({h.min() * 0.8f, h.max() * 0.8f}, unsigned_range(bits));
      double power = 0;
      for (const float v : x) power += double(v) * double(v) / double(x.size());
      const double mse = testing::measured_mse(x, q, unsigned_range(bits));
      EXPECT_NEAR(expected_error(h, q, unsigned_range(bits)).mse, mse, 0.02 * mse + 1e-5 * power) << d.name;
    }
}

TEST(ExpectedError, HoldsAtTheLimits) {
  const ExpectedError none = expected_error({}, {1, 0}, unsigned_range(8));
  EXPECT_EQ(none.mse, 0);
  EXPECT_EQ(none.sqnr_db, INFINITY);
  EXPECT_EQ(none.clipped, 0);
  const auto h = histogram_of({0, 0, NAN, 2, -1000});
  const ExpectedError e = expected_error(h, {1, 0}, {-4, 3});
  EXPECT_NEAR(e.mse, 996.0 * 996 / 4, 1e-6 * e.mse);
  EXPECT_EQ(e.clipped, 0.25);
  EXPECT_EQ(expected_error(histogram_of({0, 0}), {1, 0}, {0, 1}).sqnr_db, INFINITY);
  const auto refused = [&](QParams q, IntRange codes) {
    try {
      expected_error(h, q, codes);
      return false;
    } catch (const Error& error) {
      return error.code() == ErrorCode::invalid_argument;
    }
  };
  EXPECT_TRUE(refused({0, 0}, {0, 1}));
  EXPECT_TRUE(refused({NAN, 0}, {0, 1}));
  EXPECT_TRUE(refused({INFINITY, 0}, {0, 1}));
  EXPECT_TRUE(refused({1, 2}, {0, 1}));
  EXPECT_TRUE(refused({1, 0}, {0, 0}));
}

}  // namespace
}  // namespace lowbit
