// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/mse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "lowbit/observe/choose_qparams.h"
#include "lowbit/observe/observer.h"
#include "observe/clip_checks.h"
#include "observe/distributions.h"
#include "support/effort.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

// Mean squared error of the values themselves, in doubles.
double squared_error(const std::vector<float>& x, Range r, IntRange codes) {
  const QParams q = choose_qparams(r, codes);
  double sum = 0;
  for (const float v : x) {
    const double code = std::clamp(std::nearbyint(double(v) / q.scale) + q.zero_point, double(codes.qmin),
                                   double(codes.qmax));
    const double e = v - (code - q.zero_point) * double(q.scale);
    sum += e * e;
  }
  return sum / double(x.size());
}

// The least error over a grid of clip edges, on the values themselves.
double brute_force(const std::vector<float>& x, IntRange codes) {
  const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
  const float min = std::min(*lo, 0.0f), max = std::max(*hi, 0.0f);
  double best = kInf;
  const int n = 24;
  for (int i = min < 0 ? 0 : n; i <= n; ++i)
    for (int j = max > 0 ? 0 : n; j <= n; ++j) {
      // Half of the grid is geometric, for outliers.
      const auto factor = [&](int k) {
        return k < n / 2 ? std::exp2(-0.75 * (k + 1)) : double(k - n / 2 + 1) / (n / 2 + 1);
      };
      const Range r{static_cast<float>(min * factor(i)), static_cast<float>(max * factor(j))};
      if (r.max > r.min) best = std::min(best, squared_error(x, r, codes));
    }
  return best;
}

TEST(MseObserver, RangeIsAsGoodAsBruteForceOnTheValues) {
  const std::vector<std::pair<const char*, std::function<float(testing::Random&)>>> distributions = {
      {"gaussian", [](auto& r) { return r.gaussian(); }},
      {"shifted", [](auto& r) { return r.gaussian() + 1.5f; }},
      {"relu", [](auto& r) { return std::max(0.0f, r.gaussian() - 0.5f); }},
      {"relu6", [](auto& r) { return std::min(6.0f, std::max(0.0f, 4 * r.gaussian())); }},
      {"negative", [](auto& r) { return -std::fabs(r.gaussian()); }},
      {"uniform", [](auto& r) { return r.uniform(); }},
      {"heavy",
       [](auto& r) {
         const float g = r.gaussian();
         return g * g * g;
       }},
      {"outliers", [](auto& r) { return r.integer(0, 2000) == 0 ? 40 * r.uniform() : r.gaussian(); }},
      {"tiny", [](auto& r) { return 1e-30f * r.gaussian(); }},
  };
  std::uint64_t index = 0;
  for (const auto& [name, f] : distributions)
    for (const int bits : {2, 3, 4, 6, 8}) {
      if (!testing::affords(index++)) continue;
      const auto x = draw(8000, 3, f);
      MseObserver h;
      h.observe(x);
      const IntRange codes = bits % 2 ? signed_range(bits) : unsigned_range(bits);
      const Range r = h.range(codes);
      EXPECT_TRUE(r.min <= 0 && r.max >= 0);
      const double found = squared_error(x, r, codes), best = brute_force(x, codes);
      EXPECT_LE(found, best * 1.06) << name << " " << bits << " bits: [" << r.min << ", " << r.max << "]";
      const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
      EXPECT_LE(found, 1.001 * squared_error(x, {*lo, *hi}, codes)) << name << " " << bits;
    }
}

TEST(MseObserver, EightBitsStayCloseToMinMax) {
  const auto x = draw(100000, 4, [](auto& r) { return r.gaussian(); });
  MseObserver h;
  h.observe(x);
  const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
  const Range r = h.range(unsigned_range(8));
  EXPECT_GE(r.max, 0.75f * *hi);
  EXPECT_LE(r.min, 0.75f * *lo);
  std::int64_t clipped = 0;
  for (const float v : x) clipped += v < r.min || v > r.max;
  EXPECT_LT(clipped, 100);  // a tenth of a percent
}

TEST(MseObserver, SpikesAreNotClipped) {
  expect_spikes_kept<MseObserver>();
}
TEST(MseObserver, HoldsAtTheLimits) {
  expect_limits_held<MseObserver>();
}

TEST(MseObserver, ReachesBeyondTheValuesForLevelsOnThem) {
  MseObserver h;
  h.observe(std::vector<float>{-1, 1});
  const Range r = h.range(unsigned_range(2));
  EXPECT_EQ(r, (Range{-2, 1}));
  MseObserver one(RangeSides::one);
  one.observe(std::vector<float>{-1, 1, 0});
  EXPECT_EQ(choose_qparams(one.range(signed_range(2)), signed_range(2), Mapping::symmetric), (QParams{1, 0}));
}

// No other observer leaves an error that is more than 1 % below that of the search, on any distribution.
TEST(MseObserver, IsWithinOnePercentOfTheBestObserver) {
  std::uint64_t index = 0;
  for (const auto& d : testing::distributions()) {
    const auto x = draw(d, 100000, 31);
    double power = 0;
    for (const float v : x) power += double(v) * double(v) / double(x.size());
    std::vector<std::pair<std::string, AnyObserver>> observers;
    for (const std::string& name : known_observers()) {
      observers.emplace_back(name, make_observer(name));
      // In batches, for those that average over them.
      for (std::size_t i = 0; i < x.size(); i += 5000)
        observers.back().second.observe(std::span(x).subspan(i, 5000), i / 5000);
    }
    for (int bits = 2; bits <= 8; ++bits)
      for (const Mapping mapping : {Mapping::asymmetric, Mapping::symmetric}) {
        if (!testing::affords(index++)) continue;
        const bool symmetric = mapping == Mapping::symmetric;
        const IntRange codes = symmetric ? signed_range(bits, bits % 2 == 0) : unsigned_range(bits);
        double own = 0, best = INFINITY;
        std::string best_name;
        for (const auto& [name, o] : observers) {
          const double e = testing::measured_mse(x, choose_qparams(o.range(codes), codes, mapping), codes);
          if (name == (symmetric ? "mse-one-sided" : "mse")) own = e;
          if (e < best) best = e, best_name = name;
        }
        EXPECT_LE(own, 1.01 * best + 1e-13 * power)
            << d.name << " " << bits << (symmetric ? " symmetric" : "") << ": " << best_name;
      }
  }
}

}  // namespace
}  // namespace lowbit
