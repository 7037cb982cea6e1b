#include "lowbit/observe/histogram.h"

#include <gtest/gtest.h>

#include "observe/clip_checks.h"

namespace lowbit {
namespace {

TEST(Histogram, SpikesAreNotClipped) {
  expect_spikes_kept<Histogram>();
}
TEST(Histogram, HoldsAtTheLimits) {
  expect_limits_held<Histogram>();
}

}  // namespace
}  // namespace lowbit
