// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/requantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(Requantize, IsMultiplyAddClampRound) {
  testing::Random random(3);
  for (int i = 0; i < 20000; ++i) {
    const float sa = std::ldexp(1.5f + random.uniform(), -7), sw = std::ldexp(1.5f + random.uniform(), -9);
    const QParams out{std::ldexp(1.5f + random.uniform(), -5),
                      static_cast<std::int32_t>(random.integer(0, 255))};
    const auto r = make_requantization(sa, sw, out, unsigned_range(8), random.uniform());
    const auto acc = static_cast<std::int32_t>(random.integer(-3000000, 3000000));
    const float product = float(acc) * r.multiplier;
    const float sum = product + r.addend;
    const double expected = std::min(255.0, std::max(0.0, std::nearbyint(double(sum)) + out.zero_point));
    ASSERT_EQ(requantize(acc, r), expected);
  }
}

TEST(Requantize, HoldsAtTheEndsOfTheAccumulator) {
  const auto r = make_requantization(1, 1, {1, 128}, unsigned_range(8));
  using Limits = std::numeric_limits<std::int32_t>;
  std::vector<std::uint8_t> out(3);
  requantize(std::vector<std::int32_t>{Limits::min(), 0, Limits::max()}, r, out);
  EXPECT_EQ(out, (std::vector<std::uint8_t>{0, 128, 255}));
}

TEST(Requantize, RefusesImpossibleArguments) {
  EXPECT_THROW(make_requantization(0, 1, {1, 0}, unsigned_range(8)), Error);
  EXPECT_THROW(make_requantization(1, 1, {NAN, 0}, unsigned_range(8)), Error);
  EXPECT_THROW(make_requantization(1, 1, {1, 256}, unsigned_range(8)), Error);
  EXPECT_THROW(make_requantization(1e30f, 1e30f, {1e-30f, 0}, unsigned_range(8)), Error);
  std::vector<std::uint8_t> out(1);
  EXPECT_THROW(requantize(std::vector<std::int32_t>{0}, Requantization{}, out), Error);  // codes from -128
  EXPECT_THROW(
      requantize(std::vector<std::int32_t>{0, 1}, make_requantization(1, 1, {1, 0}, unsigned_range(8)), out),
      Error);
}

}  // namespace
}  // namespace lowbit
