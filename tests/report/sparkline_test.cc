// SPDX-License-Identifier: Apache-2.0
#include "report/sparkline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace lowbit::report {
namespace {

TEST(Sparkline, HasABlockForEachValue) {
  EXPECT_EQ(sparkline(std::vector<double>{8, 4, 2, 0}), "\u2588\u2585\u2583\u2581");
  EXPECT_EQ(sparkline(std::vector<double>{3, 3}), "\u2581\u2581");
  EXPECT_EQ(sparkline(std::vector<double>{0, NAN, 1}), "\u2581 \u2588");
  EXPECT_EQ(sparkline({}), "");
}

}  // namespace
}  // namespace lowbit::report
