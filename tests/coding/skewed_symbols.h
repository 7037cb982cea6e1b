// SPDX-License-Identifier: Apache-2.0
// Symbols for tests of coding.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "coding/frequency_table.h"
#include "support/random.h"

namespace lowbit::testing {

/// From 0 to n - 1.
inline int below(Random& random, int n) {
  return static_cast<int>(random.integer(0, n - 1));
}

/// Sums of uniform numbers, a bell around the middle of `symbols` ones. The smaller `width` (1 is all of
/// them), the fewer bits each has.
inline std::vector<std::uint8_t> skewed_symbols(std::size_t count, int symbols, double width,
                                                std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<std::uint8_t> all(count);
  for (std::uint8_t& s : all) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += random.uniform() / 4;  // -1 to 1
    const double x = (sum * width + 1) / 2 * symbols;
    s = static_cast<std::uint8_t>(std::min(std::max(x, 0.0), symbols - 1.0));
  }
  return all;
}

/// Of order 0, in bits.
inline double entropy(const std::vector<std::uint8_t>& symbols) {
  coding::SymbolCounts counts{};
  coding::count_symbols(symbols, counts);
  double bits = 0;
  for (const std::uint64_t n : counts)
    if (n > 0)
      bits -=
          static_cast<double>(n) * std::log2(static_cast<double>(n) / static_cast<double>(symbols.size()));
  return bits;
}

}  // namespace lowbit::testing
