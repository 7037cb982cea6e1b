// SPDX-License-Identifier: Apache-2.0
#include "report/printable.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace lowbit::report {
namespace {

TEST(Printable, KeepsUtf8AndEscapesTheRest) {
  EXPECT_EQ(printable("conv_1/\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
            "conv_1/\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(printable("a\033[2Jb\n\x7F"), "a\\x1B[2Jb\\x0A\\x7F");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xC2\\x9B");                    // a control character of C1
  EXPECT_EQ(printable("\xFF\xC3"), "\\xFF\\xC3");                    // no first byte; one that is cut off
  EXPECT_EQ(printable("\xC0\x80"), "\\xC0\\x80");                    // longer than need be
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xED\\xA0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable(""), "");
}

TEST(JsonText, TakesBytesThatAreNoText) {
  EXPECT_EQ(json_text({{"name", "a\xFF"}}), "{\n  \"name\": \"a\xEF\xBF\xBD\"\n}\n");
}

}  // namespace
}  // namespace lowbit::report
