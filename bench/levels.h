// SPDX-License-Identifier: Apache-2.0
// The tables of levels that the benchmarks look weights up in.
#pragma once

#include <cstdint>
#include <vector>

namespace lowbit::bench {

enum class LevelTable : std::uint8_t {
  nf4,  ///< 16 quantiles of the normal distribution (QLoRA, Dettmers et al. 2023)
  fp4,  ///< E2M1: small enough for sums of 16 bits
  fp8,  ///< E4M3, 256 codes
};

/// As multiples of the largest level: from -1 to 1, indexed by the code.
std::vector<float> real_levels(LevelTable table);
/// 16 levels of int8: nf4 to +-64, so that the largest and the smallest differ by 128; fp4 to +-12, exactly.
std::vector<std::int8_t> integer_levels(LevelTable table);

}  // namespace lowbit::bench
