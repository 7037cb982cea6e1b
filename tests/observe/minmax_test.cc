// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/minmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(MinMaxObserver, FindsTheFiniteExtremesOfEveryLength) {
  testing::Random random(1);
  for (std::size_t n = 1; n < 70; ++n) {
    std::vector<float> x(n);
    for (auto& v : x) v = random.gaussian() + static_cast<float>(random.integer(-3, 3));
    const auto [lo, hi] = std::minmax_element(x.begin(), x.end());
    const Range expected{*lo, *hi};
    MinMaxObserver clean;
    clean.observe(x);
    EXPECT_EQ(clean.range({}), expected);
    for (const float bad : {NAN, kInf, -kInf})
      x.insert(x.begin() + random.integer(0, std::int64_t(x.size())), bad);
    MinMaxObserver dirty;
    dirty.observe(x);
    EXPECT_EQ(dirty.range({}), expected);
    EXPECT_EQ(dirty.non_finite(), 3u);
  }
}

TEST(MinMaxObserver, SeesNothingInNothing) {
  MinMaxObserver m;
  EXPECT_EQ(m.range({}), (Range{0, 0}));
  m.observe(std::vector<float>{NAN, kInf});
  EXPECT_EQ(m.range({}), (Range{0, 0}));
  EXPECT_EQ(m.non_finite(), 2u);
}

TEST(MinMaxObserver, MergesExactlyWhateverTheOrder) {
  const std::vector<float> a = {-0.0f}, b = {0.0f};
  MinMaxObserver ab, ba;
  ab.observe(a), ab.observe(b), ba.observe(b), ba.observe(a);
  const Range x = ab.range({}), y = ba.range({});
  EXPECT_EQ(std::memcmp(&x, &y, sizeof x), 0);
  MinMaxObserver c, d;
  c.observe(std::vector<float>{1, 5}), d.observe(std::vector<float>{-3, NAN});
  c.merge(d);
  EXPECT_EQ(c.range({}), (Range{-3, 5}));
  EXPECT_EQ(c.non_finite(), 1u);
}

}  // namespace
}  // namespace lowbit
