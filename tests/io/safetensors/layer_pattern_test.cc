// SPDX-License-Identifier: Apache-2.0
#include "io/safetensors/layer_pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace lowbit::detail {
namespace {

TEST(LayerPattern, MatchesTheStartAsPythonDoes) {
  struct Case {
    const char *pattern, *name;
    bool matches;
  };
  for (const Case& c : {Case{"lm_head", "lm_head", true},
                        {"lm_head", "lm_head2", true},
                        {"lm_head$", "lm_head2", false},
                        {"head", "lm_head", false},
                        {".*head", "lm_head", true},
                        {".*self_attn.*", "a.self_attn.q", true},
                        {".*q_proj$", "a.q_proj", true},
                        {".*q_proj$", "a.q_proj.b", false},
                        {"a\\.b", "a.b", true},
                        {"a\\.b", "aXb", false},
                        {"a.b", "aXb", true},
                        {"ab+c", "abbbc", true},
                        {"ab+c", "ac", false},
                        {"ab?c", "ac", true},
                        {"ab*c", "ac", true},
                        {"", "x", true},
                        {"^a", "ab", true},
                        {"a.*$", "a", true},
                        {"ab", "a", false},
                        {"a$", "a", true},
                        {"$", "", true}})
    EXPECT_EQ(matches_start(c.pattern, c.name), std::optional(c.matches)) << c.pattern << " " << c.name;
  for (const char* unknown : {"a|b", "(a)", "[ab]", "a{2}", "\\d", "a\\", "*", "a^"})
    EXPECT_FALSE(matches_start(unknown, "a").has_value()) << unknown;
  std::string hostile;
  for (int i = 0; i < 1000; ++i) hostile += "a*";
  EXPECT_EQ(matches_start(hostile + "b", std::string(2000, 'a')), std::optional(false));
}

}  // namespace
}  // namespace lowbit::detail
