// SPDX-License-Identifier: Apache-2.0
// Values that tests of quantizers fit: Gaussian ones whose distribution is exact, and weights of importance.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "support/random.h"

namespace lowbit::testing {

/// Unit variance, by Box and Muller's transform; Random::gaussian has lighter tails.
inline std::vector<float> gaussian_values(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> x(n);
  for (float& v : x) {
    const double u = (double(random.next() >> 11) + 1) * 0x1p-53,
                 phase = double(random.next() >> 11) * 0x1p-53;
    v = static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * phase));
  }
  return x;
}

/// A million of them: what distortions are compared with theory on.
inline const std::vector<float>& million_gaussian_values() {
  static const std::vector<float> values = gaussian_values(1000000, 1);
  return values;
}

inline std::vector<float> random_importance(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> importance(n);
  for (float& w : importance) w = 0.01f + std::fabs(random.uniform());
  return importance;
}

}  // namespace lowbit::testing
