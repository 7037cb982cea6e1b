// SPDX-License-Identifier: Apache-2.0
// The version stands in one header; the project, and the changelog, must not say otherwise.
#include "lowbit/version.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace {

TEST(Version, IsThatOfTheProject) {
  EXPECT_STREQ(LOWBIT_VERSION_STRING, LOWBIT_PROJECT_VERSION);
  EXPECT_EQ(std::to_string(LOWBIT_VERSION / 10000) + "." + std::to_string(LOWBIT_VERSION / 100 % 100) + "." +
                std::to_string(LOWBIT_VERSION % 100),
            LOWBIT_PROJECT_VERSION);
}

TEST(Version, CanBeComparedByThePreprocessor) {
#if LOWBIT_VERSION < 100 || LOWBIT_VERSION >= 990000
  FAIL() << LOWBIT_VERSION_STRING << " became the number " << LOWBIT_VERSION;
#endif
}

// "## [0.1.0] - 2026-11-22", after "## [Unreleased]".
TEST(Version, IsTheNewestOfTheChangelog) {
  std::ifstream changelog(LOWBIT_SOURCE_DIR "/docs/changelog.md");
  std::string headings[2], line;
  for (std::string& heading : headings)
    while (std::getline(changelog, line) && heading.empty())
      if (line.starts_with("## [")) heading = line;
  EXPECT_EQ(headings[0], "## [Unreleased]");
  EXPECT_TRUE(headings[1].starts_with("## [" LOWBIT_VERSION_STRING "] - 20")) << headings[1];
}

}  // namespace
