// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/choose_qparams.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

TEST(ChooseQparams, AsymmetricCoversTheRangeAndZero) {
  testing::Random random(1);
  for (int i = 0; i < 50000; ++i) {
    const int bits = static_cast<int>(random.integer(2, 16));
    const IntRange codes = i % 2 ? signed_range(bits) : unsigned_range(bits);
    float a = std::ldexp(random.uniform(), static_cast<int>(random.integer(-100, 120)));
    float b = std::ldexp(random.uniform(), static_cast<int>(random.integer(-100, 120)));
    if (a > b) std::swap(a, b);
    const QParams q = choose_qparams({a, b}, codes);
    ASSERT_TRUE(std::isnormal(q.scale) && q.scale > 0);
    ASSERT_TRUE(q.zero_point >= codes.qmin && q.zero_point <= codes.qmax);
    const double low = (double(codes.qmin) - q.zero_point) * q.scale,
                 high = (double(codes.qmax) - q.zero_point) * q.scale;
    ASSERT_LE(low, std::min(a, 0.0f) + 0.51 * q.scale);
    ASSERT_GE(high, std::max(b, 0.0f) - 0.51 * q.scale);
    // Not wasteful: the codes span the widened range and nothing more.
    ASSERT_NEAR((high - low) / (std::max(b, 0.0f) - double(std::min(a, 0.0f))), 1, 1e-6);
  }
}

TEST(ChooseQparams, SymmetricHasTheClosedForm) {
  EXPECT_EQ(choose_qparams({-1.27f, 0.5f}, signed_range(8, true), Mapping::symmetric),
            (QParams{float(double(1.27f) / 127), 0}));
  EXPECT_EQ(choose_qparams({-1.0f, 2.0f}, signed_range(8), Mapping::symmetric),
            (QParams{float(2 / 127.5), 0}));
  EXPECT_EQ(choose_qparams({-1.0f, 2.0f}, unsigned_range(8), Mapping::symmetric),
            (QParams{float(2 / 127.5), 128}));
}

TEST(ChooseQparams, HoldsAtTheLimits) {
  EXPECT_EQ(choose_qparams({0, 0}, unsigned_range(8)), (QParams{1, 0}));
  EXPECT_EQ(choose_qparams({0, 0}, signed_range(8, true), Mapping::symmetric), (QParams{1, 0}));
  const float max = std::numeric_limits<float>::max(), min = std::numeric_limits<float>::min();
  EXPECT_EQ(choose_qparams({0, 1e-45f}, unsigned_range(8)).scale, min);
  EXPECT_EQ(choose_qparams({-1e-40f, 1e-45f}, signed_range(4), Mapping::symmetric).scale, min);
  EXPECT_EQ(choose_qparams({-max, max}, {0, 1}).scale, max);
  EXPECT_EQ(choose_qparams({3, 5}, unsigned_range(8)), (QParams{float(5.0 / 255), 0}));
  EXPECT_EQ(choose_qparams({-5, -3}, unsigned_range(8)), (QParams{float(5.0 / 255), 255}));
}

TEST(ChooseQparams, RefusesImpossibleArguments) {
  const auto refused = [](Range r, IntRange c, Mapping m = Mapping::asymmetric) {
    try {
      choose_qparams(r, c, m);
      return false;
    } catch (const Error& e) {
      return e.code() == ErrorCode::invalid_argument;
    }
  };
  EXPECT_TRUE(refused({NAN, 1}, {}));
  EXPECT_TRUE(refused({0, NAN}, {}));
  EXPECT_TRUE(refused({-kInf, 1}, {}));
  EXPECT_TRUE(refused({0, kInf}, {}));
  EXPECT_TRUE(refused({1, 0}, {}));
  EXPECT_TRUE(refused({0, 1}, {3, 3}));
  EXPECT_TRUE(refused({0, 1}, {}, Mapping::asymmetric_real));
}

}  // namespace
}  // namespace lowbit
