// SPDX-License-Identifier: Apache-2.0
#include "eval/named_recovery.h"

#include <gtest/gtest.h>

#include "support/error_of.h"

namespace lowbit::eval {
namespace {

using lowbit::testing::error_of;
using lowbit::testing::says;

TEST(NamedRecovery, BlocksComeBehindOtherSteps) {
  EXPECT_FALSE(parse_named_recovery("fast").reconstructs_blocks);
  const NamedRecovery alone = parse_named_recovery("brecq"), behind = parse_named_recovery("wide,gptq,brecq");
  EXPECT_TRUE(alone.reconstructs_blocks);
  EXPECT_EQ(alone.options.steps, parse_recovery("fast").steps);
  EXPECT_TRUE(behind.reconstructs_blocks);
  EXPECT_EQ(behind.options.steps, parse_recovery("wide,gptq").steps);
}

TEST(NamedRecovery, RefusesOtherNamesAndAnotherOrder) {
  EXPECT_TRUE(
      says(error_of([] { parse_named_recovery("wide,brec"); }, ErrorCode::invalid_argument), {"'brec'"}));
  EXPECT_TRUE(says(error_of([] { parse_named_recovery("wide,brecq,bias"); }, ErrorCode::invalid_argument),
                   {"comes last"}));
}

}  // namespace
}  // namespace lowbit::eval
