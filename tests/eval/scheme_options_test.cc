// SPDX-License-Identifier: Apache-2.0
#include "eval/scheme_options.h"

#include <gtest/gtest.h>

#include "lowbit/core/error.h"

namespace lowbit::eval {
namespace {

TEST(Overrides, AreCutAtTheLastEqualsSign) {
  const auto overrides = parse_overrides({"head.*=fp32", "a=b=int8-channel"});
  ASSERT_EQ(overrides.size(), 2u);
  EXPECT_EQ(overrides[0], (std::pair<std::string, Scheme>("head.*", "fp32")));
  EXPECT_EQ(overrides[1], (std::pair<std::string, Scheme>("a=b", "int8")));
  for (const char* text : {"head", "=int8", "head=", "head=int9", ""})
    EXPECT_THROW(parse_overrides({text}), Error) << text;
}

TEST(SchemeList, IsCanonicalAndWithoutDuplicates) {
  EXPECT_EQ(parse_scheme_list("fp32,int8-tensor,int8,int8-channel,int8-dynamic"),
            (std::vector<Scheme>{"fp32", "int8-tensor", "int8", "int8-dynamic"}));
  for (const char* text : {"", "int9", "fp32,,int8", "int8 fp32"})
    EXPECT_THROW(parse_scheme_list(text), Error) << text;
}

TEST(Calibration, IsForStaticRangesOnly) {
  EXPECT_TRUE(needs_calibration("int8", {}));
  EXPECT_FALSE(needs_calibration("fp32", {}));
  EXPECT_FALSE(needs_calibration("int8-dynamic", {}));
  EXPECT_TRUE(needs_calibration("int8-dynamic", {{"conv*", "int8"}}));
}

}  // namespace
}  // namespace lowbit::eval
