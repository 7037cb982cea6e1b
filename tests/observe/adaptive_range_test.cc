// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/adaptive_range.h"

#include <gtest/gtest.h>

namespace lowbit {
namespace {

TEST(AdaptiveRange, BeginsWithTheFirstBatchAndFollowsTheOthers) {
  AdaptiveRange range(0.25);
  EXPECT_EQ(range.range(), (Range{0, 0}));
  range.update({-1, 3});
  EXPECT_EQ(range.range(), (Range{-1, 3}));
  range.update({-5, 1});
  EXPECT_EQ(range.range(), (Range{-2, 2.5f}));
  for (int i = 0; i < 200; ++i) range.update({0.5f, 1});
  EXPECT_NEAR(range.range().min, 0.5f, 1e-6f);
  EXPECT_NEAR(range.range().max, 1.0f, 1e-6f);
}

TEST(AdaptiveRange, RefusesAPartThatIsNone) {
  for (const double part : {0.0, -1.0, 1.5}) EXPECT_THROW(AdaptiveRange{part}, Error) << part;
}

}  // namespace
}  // namespace lowbit
