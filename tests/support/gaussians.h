// SPDX-License-Identifier: Apache-2.0
// Weights for the networks of tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/random.h"

namespace lowbit::testing {

inline std::vector<float> gaussians(std::size_t count, float scale, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = random.gaussian() * scale;
  return values;
}

}  // namespace lowbit::testing
