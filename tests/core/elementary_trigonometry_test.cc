// SPDX-License-Identifier: Apache-2.0
// Circular and hyperbolic functions against the C library.
#include "core/elementary_trigonometry.h"

#include <gtest/gtest.h>

#include "support/random.h"

namespace lowbit::testing {
namespace {

namespace el = elementary;

using Function = double (*)(double);

struct Case {
  const char* name;
  Function ours, exact;
  double low, high;
  double units;  ///< 2^-52 of the value, at most
};

TEST(ElementaryTrigonometry, AgreesWithTheCLibraryToAFewUnitsInTheLastPlace) {
  const Case cases[] = {
      {"log1p", el::log1p, std::log1p, -0.9, 3, 16},
      {"sin", el::sin, std::sin, -3, 3, 8},
      {"sin, far", el::sin, std::sin, -1000000, 1000000, 64},
      {"cos", el::cos, std::cos, -1.5, 1.5, 8},
      {"cos, far", el::cos, std::cos, -1000000, 1000000, 64},
      {"tan", el::tan, std::tan, -1.5, 1.5, 16},
      {"asin", el::asin, std::asin, -1, 1, 16},
      {"acos", el::acos, std::acos, -1, 0.9999, 16},
      {"atan", el::atan, std::atan, -20, 20, 8},
      {"sinh", el::sinh, std::sinh, -80, 80, 16},
      {"sinh, near 0", el::sinh, std::sinh, -0.5, 0.5, 16},
      {"cosh", el::cosh, std::cosh, -80, 80, 8},
      {"asinh", el::asinh, std::asinh, -20, 20, 16},
      {"acosh", el::acosh, std::acosh, 1.0001, 50, 16},
      {"atanh", el::atanh, std::atanh, -0.99, 0.99, 16},
  };
  for (const Case& c : cases) {
    constexpr int kPoints = 20000;
    double worst = 0, at = 0;
    for (int i = 0; i <= kPoints; ++i) {
      const double x = c.low + (c.high - c.low) * i / kPoints, y = c.exact(x);
      const double error = std::fabs(c.ours(x) - y) / std::max(std::fabs(y), 1e-300) / 0x1p-52;
      if (error > worst) worst = error, at = x;
    }
    EXPECT_LT(worst, c.units) << c.name << " at " << at;
  }
}

TEST(ElementaryTrigonometry, ReducesFloatsOfAnySize) {
  Random random(7);
  for (int i = 0; i < 200000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random.next() >> 33);  // positive, of any exponent
    const double x = std::bit_cast<float>(bits);
    if (!(x < 0x1p128)) continue;
    ASSERT_NEAR(el::sin(x), std::sin(x), 1e-14) << x;
    ASSERT_NEAR(el::cos(-x), std::cos(x), 1e-14) << x;
    ASSERT_EQ(static_cast<float>(el::sin(-x)), static_cast<float>(std::sin(-x))) << x;
  }
  for (double x = 0x1.921fb6p+0; x < 0x1p127; x *= 2) {  // near multiples of pi / 2
    ASSERT_NEAR(el::sin(x), std::sin(x), 1e-15) << x;
    ASSERT_NEAR(el::cos(x), std::cos(x), 1e-15) << x;
    ASSERT_NEAR(el::tan(x) / std::tan(x), 1, 1e-12) << x;
  }
}

TEST(ElementaryTrigonometry, SpecialValues) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const double half_pi = 1.5707963267948966;
  for (const Function f : {el::log1p, el::sin, el::cos, el::tan, el::atan, el::asin, el::acos, el::sinh,
                           el::cosh, el::asinh, el::acosh, el::atanh})
    EXPECT_TRUE(std::isnan(f(nan)));
  EXPECT_TRUE(std::isnan(el::sin(inf)));
  EXPECT_TRUE(std::isnan(el::asin(1.01)));
  EXPECT_TRUE(std::isnan(el::acos(-1.01)));
  EXPECT_TRUE(std::isnan(el::acosh(0.99)));
  EXPECT_EQ(el::atan(inf), half_pi);
  EXPECT_EQ(el::atan(-inf), -half_pi);
  EXPECT_EQ(el::asin(1), half_pi);
  EXPECT_EQ(el::acos(1), 0);
  EXPECT_EQ(el::acos(-1), 2 * half_pi);
  EXPECT_EQ(el::sinh(-1000), -inf);
  EXPECT_EQ(el::cosh(-inf), inf);
  EXPECT_EQ(el::asinh(-inf), -inf);
  EXPECT_EQ(el::acosh(1), 0);
  EXPECT_EQ(el::acosh(inf), inf);
  EXPECT_EQ(el::atanh(1), inf);
  EXPECT_EQ(el::log1p(-1), -inf);
  EXPECT_EQ(el::log1p(inf), inf);
}

}  // namespace
}  // namespace lowbit::testing
