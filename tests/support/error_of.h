// SPDX-License-Identifier: Apache-2.0
// What a refusal says.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "lowbit/core/error.h"

namespace lowbit::testing {

/// The sentence of the Error that `f` throws, which must have this code; fails the test when there is none.
template <class F>
std::string error_of(F f, ErrorCode code) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

/// Whether `text` has all `parts`; `text` is part of the failure.
inline ::testing::AssertionResult says(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    if (text.find(part) == std::string::npos)
      return ::testing::AssertionFailure() << "\"" << text << "\" does not say \"" << part << "\"";
  return ::testing::AssertionSuccess();
}

}  // namespace lowbit::testing
