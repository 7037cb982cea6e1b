// SPDX-License-Identifier: Apache-2.0
// Fixed-point requantization against the definitions of gemmlowp and TensorFlow Lite, written out in reals
// that are exact: halves up, halves away from zero.
#include "lowbit/quant/fixed_point.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/quant/requantize.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit {
namespace {

// 64 bits of mantissa on x86-64, 113 on aarch64: products of 32 x 31 bits are exact.
using Real = long double;

Real halves_up(Real x) {
  return std::floor(x + 0.5L);
}
Real halves_away(Real x) {
  return x < 0 ? -std::floor(-x + 0.5L) : std::floor(x + 0.5L);
}
Real limited32(Real x) {
  return std::fmin(std::fmax(x, -2147483648.0L), 2147483647.0L);
}

std::int32_t expected(std::int64_t sum, const FixedPointRequantization& r) {
  Real product = 0;
  switch (r.rounding) {
    case FixedPointRounding::twice: {
      const Real shifted = limited32(limited32(Real(sum)) * std::ldexp(1.0L, std::max(r.shift, 0)));
      const Real high = halves_up(shifted * r.multiplier * 0x1p-31L);
      product = halves_away(high * std::ldexp(1.0L, std::min(r.shift, 0)));
      break;
    }
    case FixedPointRounding::once:
      product = halves_up(limited32(Real(sum)) * r.multiplier * std::ldexp(1.0L, r.shift - 31));
      break;
    case FixedPointRounding::reduced: {
      const Real limited = std::fmin(std::fmax(Real(sum), -0x1p47L), 0x1p47L - 1);
      const Real multiplier = std::fmin(halves_up(r.multiplier * 0x1p-16L), 32767.0L);
      product = halves_up(limited * multiplier * std::ldexp(1.0L, r.shift - 15));
      break;
    }
  }
  const Real code = product + r.zero_point;
  return static_cast<std::int32_t>(std::fmin(std::fmax(code, Real(r.qmin)), Real(r.qmax)));
}

constexpr FixedPointRounding kRoundings[] = {FixedPointRounding::twice, FixedPointRounding::once,
                                             FixedPointRounding::reduced};

std::int64_t any_sum(testing::Random& random, FixedPointRounding rounding) {
  const auto bits = static_cast<int>(random.integer(1, rounding == FixedPointRounding::reduced ? 49 : 33));
  return static_cast<std::int64_t>(random.next()) >> (64 - bits);
}

TEST(FixedPoint, IsTheDefinitionOfTensorFlowLite) {
  testing::Random random(5);
  for (int i = 0; i < 300000; ++i) {
    FixedPointRequantization r;
    r.rounding = kRoundings[i % 3];
    r.multiplier =
        static_cast<std::int32_t>(random.next() >> (33 + random.integer(0, 1) * random.integer(0, 30)));
    r.shift =
        static_cast<std::int32_t>(random.integer(-31, r.rounding == FixedPointRounding::reduced ? 14 : 30));
    r.zero_point = static_cast<std::int32_t>(random.integer(-128, 127));
    r.qmin = -2000000000;
    r.qmax = 2000000000;
    const std::int64_t sum = any_sum(random, r.rounding);
    ASSERT_EQ(requantize(sum, r), expected(sum, r))
        << sum << " * " << r.multiplier << " << " << r.shift << ", rounding " << i % 3;
  }
}

TEST(FixedPoint, TiesGoWhereEachRoundingSendsThem) {
  const FixedPointRequantization half{1 << 30, 0, 0, -100, 100, FixedPointRounding::once};
  const std::int32_t up[] = {-1, 0, 0, 1, 1, 2}, sums[] = {-3, -1, 0, 1, 2, 3};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(requantize(sums[i], half), up[i]) << sums[i];
  // Twice: 1 is halved to 0.5, which goes up to 1, and again to 0.5, which goes away from zero to 1.
  const FixedPointRequantization quarter{1 << 30, -1, 0, -100, 100, FixedPointRounding::twice};
  const std::int32_t away[] = {-1, -1, 0, 1, 1, 1}, sums4[] = {-3, -2, -1, 1, 2, 3};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(requantize(sums4[i], quarter), away[i]) << sums4[i];
}

TEST(FixedPoint, QuartersAsTheTableInTheDocumentsHasThem) {
  const FixedPointRequantization once{1 << 30, -1, 0, -100, 100, FixedPointRounding::once};
  const std::int32_t up[] = {-1, 0, 0, 0, 1, 1}, sums[] = {-3, -2, -1, 1, 2, 3};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(requantize(sums[i], once), up[i]) << sums[i];
  const auto r = make_fixed_point(0.005, 0, signed_range(8));
  EXPECT_EQ(r.multiplier, 1374389535);
  EXPECT_EQ(r.shift, -7);
  EXPECT_EQ(requantize(9947, r), 50);
}

TEST(FixedPoint, SumsEndAtTheLimits) {
  const std::int64_t max = std::numeric_limits<std::int64_t>::max(), min = -max - 1;
  for (const FixedPointRounding rounding : kRoundings)
    for (const std::int32_t shift : {-31, 0, 14}) {
      const FixedPointRequantization r{2147483647, shift, 5, -128, 127, rounding};
      EXPECT_EQ(requantize(max, r), expected(max, r));
      EXPECT_EQ(requantize(min, r), expected(min, r));
    }
}

TEST(FixedPoint, MultipliersOfReals) {
  testing::Random random(9);
  for (int i = 0; i < 20000; ++i) {
    const double real = std::ldexp(0.75 + 0.25 * random.uniform(), static_cast<int>(random.integer(-30, 13)));
    const auto r = make_fixed_point(real, 0, signed_range(8));
    ASSERT_GE(r.multiplier, 1 << 30);
    ASSERT_LE(std::fabs(std::ldexp(r.multiplier, r.shift - 31) / real - 1.0), 0x1p-31);
  }
  EXPECT_EQ(make_fixed_point(1.0, 0, signed_range(8)).shift, 1);
  EXPECT_EQ(make_fixed_point(1.0, 0, signed_range(8)).multiplier, 1 << 30);
  EXPECT_EQ(make_fixed_point(0.0, 0, signed_range(8)).multiplier, 0);
  EXPECT_EQ(make_fixed_point(std::nextafter(1.0, 0.0), 0, signed_range(8)).multiplier, 1 << 30);
  EXPECT_EQ(make_fixed_point(std::ldexp(1.0, -40), 0, signed_range(8)).multiplier, 0);
}

template <class T>
void each_element_has_its_channel(IntRange codes) {
  testing::Random random(11);
  constexpr std::size_t kChannels = 5, kInner = 7, kRows = 3;
  std::vector<Requantization> floats;
  std::vector<FixedPointRequantization> fixed;
  for (std::size_t c = 0; c < kChannels; ++c) {
    const auto zero = static_cast<std::int32_t>(random.integer(0, 100));
    floats.push_back(make_requantization(0.01f, random.uniform() + 1.01f, {0.2f, zero}, codes, 0.5f));
    fixed.push_back(make_fixed_point(0.001 * (random.uniform() + 1.01), zero, codes, kRoundings[c % 3]));
  }
  std::vector<std::int32_t> sums(kChannels * kInner * kRows);
  for (auto& s : sums) s = static_cast<std::int32_t>(random.integer(-1000000, 1000000));
  const std::vector<std::int64_t> wide(sums.begin(), sums.end());
  std::vector<T> out(sums.size()), out64(sums.size());
  for (const std::size_t inner : {std::size_t{1}, kInner}) {
    requantize(sums, floats, out, inner);
    requantize(wide, floats, out64, inner);
    for (std::size_t i = 0; i < sums.size(); ++i)
      ASSERT_EQ(out[i], requantize(sums[i], floats[i / inner % kChannels]));
    EXPECT_EQ(out, out64);
    requantize(sums, fixed, out, inner);
    requantize(wide, fixed, out64, inner);
    for (std::size_t i = 0; i < sums.size(); ++i)
      ASSERT_EQ(out[i], requantize(sums[i], fixed[i / inner % kChannels]));
    EXPECT_EQ(out, out64);
  }
}

TEST(RequantizeSpans, PerChannelToEveryType) {
  each_element_has_its_channel<std::uint8_t>(unsigned_range(8));
  each_element_has_its_channel<std::int8_t>(signed_range(8));
  each_element_has_its_channel<std::int16_t>(signed_range(16));
  each_element_has_its_channel<std::int32_t>({-2147483647 - 1, 2147483647});
}

TEST(RequantizeSpans, LargeCodesRoundToEvenAndEnd) {
  const Requantization r{0.5f, 0.0f, -2147483648.0f, 2147483648.0f, 0};
  std::vector<std::int32_t> out(7);
  requantize(std::vector<std::int32_t>{1, 3, -3, 8388609, 8388611, -8388609, 16777215}, r, out);
  // 16777215 is halved to 8388607.5 exactly, which is even at 8388608.
  EXPECT_EQ(out, (std::vector<std::int32_t>{0, 2, -2, 4194304, 4194306, -4194304, 8388608}));
  const Requantization twice{2.0f, 0.0f, -2147483648.0f, 2147483648.0f, 0};
  std::vector<std::int32_t> ends(2);
  requantize(std::vector<std::int32_t>{2147483647, -2147483647 - 1}, twice, ends);
  EXPECT_EQ(ends, (std::vector<std::int32_t>{2147483647, -2147483647 - 1}));
}

TEST(RequantizeSpans, RefusesWithTheReason) {
  using testing::error_of;
  using testing::says;
  const std::vector<std::int32_t> sums(12);
  std::vector<std::int8_t> out(12);
  std::vector<FixedPointRequantization> five(5);
  EXPECT_TRUE(says(error_of([&] { requantize(sums, five, out); }, ErrorCode::shape_mismatch), {"12", "5"}));
  std::vector<FixedPointRequantization> one(1);
  one[0].shift = 31;
  EXPECT_TRUE(says(error_of([&] { requantize(sums, one, out); }, ErrorCode::invalid_argument),
                   {"shift 31", "channel 0"}));
  one[0].shift = 0;
  one[0].qmax = 128;
  EXPECT_TRUE(
      says(error_of([&] { requantize(sums, one, out); }, ErrorCode::invalid_argument), {"128", "not i8"}));
  one[0].qmax = 127;
  one[0].multiplier = -1;
  EXPECT_TRUE(says(error_of([&] { requantize(sums, one, out); }, ErrorCode::invalid_argument), {"negative"}));
  EXPECT_TRUE(says(error_of([&] { requantize(sums, std::span<const Requantization>{}, out); },
                            ErrorCode::invalid_argument),
                   {"no channels"}));
  std::vector<std::int8_t> shorter(11);
  EXPECT_TRUE(says(error_of([&] { requantize(sums, Requantization{}, shorter); }, ErrorCode::shape_mismatch),
                   {"12", "11"}));
  EXPECT_THROW(make_fixed_point(-1.0, 0, signed_range(8)), Error);
  EXPECT_THROW(make_fixed_point(NAN, 0, signed_range(8)), Error);
  const std::int32_t multipliers[] = {1, 2}, shifts[] = {0};
  EXPECT_THROW(make_fixed_point(multipliers, shifts, 0, signed_range(8)), Error);
}

}  // namespace
}  // namespace lowbit
