// SPDX-License-Identifier: Apache-2.0
// Where the data that is not part of the project lies: $LOWBIT_SHARED, else ../shared beside the source
// folder. Tests that need it are skipped, with the reason, where it is missing.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace lowbit::testing {

inline std::filesystem::path shared_data(const std::string& relative) {
  const char* root = std::getenv("LOWBIT_SHARED");
  return (root ? std::filesystem::path(root) : std::filesystem::path(LOWBIT_SOURCE_DIR) / ".." / "shared") /
         relative;
}

}  // namespace lowbit::testing

/// Skips the current test unless `relative` exists in the shared data.
#define LOWBIT_REQUIRE_SHARED(relative)                                 \
  if (!std::filesystem::exists(lowbit::testing::shared_data(relative))) \
  GTEST_SKIP() << "needs " << lowbit::testing::shared_data(relative).string()
