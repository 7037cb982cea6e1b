// SPDX-License-Identifier: Apache-2.0
// Recoveries of small networks.
#pragma once

#include <string>

#include "lowbit/recover/recover.h"

namespace lowbit::testing {

/// Small, so that tests are quick.
inline RecoverOptions quick(const std::string& steps) {
  RecoverOptions options = parse_recovery(steps);
  options.samples = 80, options.products = 0, options.positions = 20, options.descents = 2;
  return options;
}

}  // namespace lowbit::testing
