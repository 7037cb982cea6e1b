// SPDX-License-Identifier: Apache-2.0
// Intervals and tests against published numbers and against sums by brute force.
#include "report/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lowbit::report {
namespace {

TEST(Wilson, GivesPublishedIntervals) {
  // Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I: 81 of 263, 15 of
  // 148, 0 of 20, 1 of 29.
  const struct {
    int count, total;
    double low, high;
  } cases[] = {
      {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0, 0.1611}, {1, 29, 0.0061, 0.1718}};
  for (const auto& c : cases) {
    const Interval interval = wilson(c.count, c.total);
    EXPECT_NEAR(interval.low, c.low, 5e-5) << c.count;
    EXPECT_NEAR(interval.high, c.high, 5e-5) << c.count;
  }
  EXPECT_EQ(wilson(0, 0).high, 1);
  EXPECT_EQ(wilson(50, 50).high, 1);
}

TEST(PairedDifference, IsSymmetricNarrowsAndHoldsTheTruth) {
  const Interval worse = paired_difference(40, 24, 1000), better = paired_difference(24, 40, 1000);
  EXPECT_DOUBLE_EQ(worse.low, -better.high);
  EXPECT_DOUBLE_EQ(worse.high, -better.low);
  EXPECT_TRUE(worse.contains(-0.016));
  EXPECT_TRUE(paired_difference(36, 26, 1000).contains(0)) << "36 against 26 is no more than chance";
  EXPECT_FALSE(paired_difference(400, 240, 10000).contains(0));
  // 16 / 1002 less than, and 1.96 / 1002 * sqrt(65 - 256 / 1002) around that.
  EXPECT_NEAR(worse.high - worse.low, 2 * 1.959964 / 1002 * std::sqrt(65 - 256.0 / 1002), 1e-6);
  EXPECT_EQ(paired_difference(0, 0, 0).low, -1);
  EXPECT_LT(paired_difference(0, 0, 100).low, 0) << "no difference seen is no proof of none";
}

TEST(McNemar, IsTheBinomialTail) {
  EXPECT_NEAR(mcnemar_p(9, 1), 2 * (1 + 10) / 1024.0, 1e-12);
  EXPECT_NEAR(mcnemar_p(1, 9), mcnemar_p(9, 1), 1e-15);
  EXPECT_EQ(mcnemar_p(5, 5), 1);
  EXPECT_EQ(mcnemar_p(0, 0), 1);
  EXPECT_GT(mcnemar_p(5000, 4900), 0.3);
  EXPECT_LT(mcnemar_p(5000, 4000), 1e-20);
}

TEST(SamplesFor, GivesTheWidthAskedFor) {
  const std::int64_t needed = samples_for(40, 24, 1000, 0.005);
  const auto scale = static_cast<double>(needed) / 1000;
  const Interval then = paired_difference(std::llround(40 * scale), std::llround(24 * scale), needed);
  EXPECT_NEAR((then.high - then.low) / 2, 0.005, 1e-4);
  EXPECT_EQ(samples_for(1, 1, 0, 0.1), 0);
  EXPECT_EQ(samples_for(1, 1, 100, 0), 0);
}

}  // namespace
}  // namespace lowbit::report
