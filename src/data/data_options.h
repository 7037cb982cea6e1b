// SPDX-License-Identifier: Apache-2.0
// Where samples come from and how many are used.
#pragma once

#include <cstdint>
#include <string>

namespace lowbit::data {

struct DataOptions {
  std::string data, labels, preprocess;
  std::int64_t calib = 500;
  std::uint64_t seed = 0;
  /// Evaluate only what calibration does not take, where both are of the same files.
  bool held_out = false;
};

}  // namespace lowbit::data
