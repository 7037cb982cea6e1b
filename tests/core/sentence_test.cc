// SPDX-License-Identifier: Apache-2.0
#include "lowbit/core/sentence.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace {

using lowbit::detail::sentence;
using lowbit::detail::to_text;

// fmt is the oracle: it prints the shortest digits that read back.
TEST(Sentence, NumbersReadAsFmtPrintsThem) {
  std::uint32_t state = 1;
  for (int i = 0; i < 20000; ++i) {
    state = state * 1664525u + 1013904223u;
    const auto x = std::bit_cast<float>(state);
    if (!std::isfinite(x)) continue;
    EXPECT_EQ(to_text(x), fmt::format("{}", x));
    EXPECT_EQ(to_text(double(x) / 3), fmt::format("{}", double(x) / 3));
    EXPECT_EQ(to_text(static_cast<std::int32_t>(state)), fmt::format("{}", static_cast<std::int32_t>(state)));
  }
  for (const float x : {0.0f, -0.0f, 1.0f, 0.1f, 1e-4f, 9.9e-5f, 100000.0f, 1e15f, 1e16f, 3e38f, 1e-45f,
                        std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(to_text(x), fmt::format("{}", x));
    EXPECT_EQ(to_text(-x), fmt::format("{}", -x));
  }
  EXPECT_EQ(to_text(std::numeric_limits<float>::quiet_NaN()), "nan");
}

TEST(Sentence, TakesValuesInOrder) {
  EXPECT_EQ(sentence("nothing to fill"), "nothing to fill");
  EXPECT_EQ(sentence("{} of {} in {}{}", 1, "two", std::string("3"), 4.5f), "1 of two in 34.5");
  EXPECT_EQ(sentence("a value with {} in it stays", "{}"), "a value with {} in it stays");
}

}  // namespace
