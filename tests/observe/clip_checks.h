// SPDX-License-Identifier: Apache-2.0
// What holds for every observer that searches for the clip range with the least error.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "lowbit/observe/choose_qparams.h"
#include "support/random.h"

namespace lowbit {

inline std::vector<float> draw(std::size_t n, std::uint64_t seed,
                               const std::function<float(testing::Random&)>& f) {
  testing::Random random(seed);
  std::vector<float> v(n);
  for (auto& x : v) x = f(random);
  return v;
}

template <class O>
void expect_spikes_kept() {
  // ReLU6 piles values up at both ends; both are exact there.
  const auto x =
      draw(5000, 5, [](testing::Random& r) { return std::min(6.0f, std::max(0.0f, 8 * r.gaussian())); });
  O h;
  h.observe(x);
  EXPECT_EQ(h.range(unsigned_range(8)).min, 0);
  EXPECT_NEAR(h.range(unsigned_range(8)).max, 6, 0.03);
}

template <class O>
void expect_limits_held() {
  const auto range_of = [](std::vector<float> x, IntRange codes = unsigned_range(8)) {
    O h;
    h.observe(x);
    return h.range(codes);
  };
  EXPECT_EQ(range_of({}), (Range{0, 0}));
  EXPECT_EQ(range_of({NAN, std::numeric_limits<float>::infinity()}), (Range{0, 0}));
  EXPECT_EQ(range_of({0, 0, 0}), (Range{0, 0}));
  EXPECT_EQ(range_of({5, 5}), (Range{0, 5}));
  EXPECT_EQ(range_of({-5, -5}), (Range{-5, 0}));
  const float max = std::numeric_limits<float>::max();
  for (const auto& x :
       std::vector<std::vector<float>>{{max, -max}, {max}, {1e-45f}, {1e-45f, -1e-45f}, {1e-38f, 3e38f}}) {
    const Range r = range_of(x);
    EXPECT_TRUE(std::isfinite(r.min) && std::isfinite(r.max) && r.min <= 0 && r.max >= 0);
    EXPECT_NO_THROW(choose_qparams(r, unsigned_range(8)));
  }
  EXPECT_EQ(range_of({-1, 2}, signed_range(16)), (Range{-1, 2}));
}

}  // namespace lowbit
