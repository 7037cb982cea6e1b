// SPDX-License-Identifier: Apache-2.0
// Rounding a table of real levels to int8 for integer kernels.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"

namespace lowbit::detail {

/// levels[i] is about unit * integer[i].
struct IntegerLevels {
  float unit = 1.0f;
  bool exact = false;  ///< to within the rounding of a float
  std::vector<std::int8_t> integer{};
};

/// The smallest integers that are exact, if there are any in -127..127 (FP4, powers of two, FP6 E2M3), since
/// small tables run faster; else those whose squared error is least among largest magnitudes of 64 to 127.
IntegerLevels round_levels(std::span<const float> levels);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/level_rounding-inl.h"
#endif
