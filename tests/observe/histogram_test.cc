// SPDX-License-Identifier: Apache-2.0
#include "lowbit/observe/histogram.h"

#include <gtest/gtest.h>

#include "observe/clip_checks.h"

namespace lowbit {
namespace {

TEST(HistogramObserver, SpikesAreNotClipped) {
  expect_spikes_kept<HistogramObserver>();
}
TEST(HistogramObserver, HoldsAtTheLimits) {
  expect_limits_held<HistogramObserver>();
}

}  // namespace
}  // namespace lowbit
