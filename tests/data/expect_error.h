// SPDX-License-Identifier: Apache-2.0
// An error of a kind whose sentence has a part.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "lowbit/core/error.h"

namespace lowbit::data {

template <class F>
void expect_error(ErrorCode code, const std::string& part, F f) {
  try {
    f();
    ADD_FAILURE() << "no error that names " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

/// Damaged copies of a file: cut short at each place, and `changed` ones with other bytes. `read` must end or
/// throw Error.
template <class Read>
void expect_no_crash(const std::string& file, Read&& read, int changed = 300) {
  const auto attempt = [&](const std::string& damaged) {
    try {
      read(damaged);
    } catch (const Error&) {
    }
  };
  for (std::size_t size = 0; size < file.size(); ++size) attempt(file.substr(0, size));
  std::uint32_t state = 1;
  const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  for (int i = 0; i < changed; ++i) {
    std::string damaged = file;
    for (int k = 0; k <= i % 3; ++k) {
      constexpr unsigned char kExtremes[] = {0, 1, 0x7f, 0x80, 0xff};
      const std::uint32_t value = next();
      damaged[next() % damaged.size()] =
          static_cast<char>(value % 2 ? kExtremes[value / 2 % 5] : static_cast<unsigned char>(value / 2));
    }
    attempt(damaged);
  }
}

}  // namespace lowbit::data
