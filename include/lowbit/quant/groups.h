// SPDX-License-Identifier: Apache-2.0
// What a quantizer's `fit` returns for one group of weights. The TYPE selects the packed format, so that a
// user's own quantizer reaches the kernels without a switch over kinds:
//
//   AffineGroup    s8, u4, s2 by the number of bits
//   ScaleGroup     lut4 up to 16 levels, else lut8; the levels are the quantizer's, alike for all groups
//   LutGroup       the same with levels of its own, one table for a row or the whole matrix
//   TernaryGroup   s2
//   BinaryGroup    b1
//
// quantize() throws Error(invalid_argument) for groups of different types in one matrix, a scale that is not
// positive and normal, a level, offset or threshold that is not finite (a threshold below 0), and as said
// below. Ties between levels go to the one an even number of steps from zero; in a table without a zero, to
// the upper.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lowbit/core/granularity.h"

namespace lowbit {

/// real = scale * (code - zero_point) + offset, code in [qmin, qmax], which lies in the signed or in the
/// unsigned range of the quantizer's code_bits() and contains the zero point. Storage follows from
/// code_bits(): more than 4 bits s8, 3 and 4 bits u4, 2 bits s2.
struct AffineGroup {
  float scale = 1.0f;
  std::int32_t zero_point = 0;
  std::int32_t qmin = -128, qmax = 127;
  float offset = 0.0f;
  Rounding rounding = Rounding::half_to_even;
  std::uint64_t seed = 0;  ///< for Rounding::stochastic
};

/// real = scale * levels()[code] of the quantizer; codes are those of the nearest levels.
struct ScaleGroup {
  float scale = 1.0f;
};

/// real = scale * levels[code]: 2 to 2^code_bits() levels in any order; codes are those of the nearest
/// levels.
struct LutGroup {
  float scale = 1.0f;
  std::vector<float> levels{};
};

/// 2 bits. real = scale * t, t = 1 above `threshold`, -1 below -threshold, else 0.
struct TernaryGroup {
  float scale = 1.0f;
  float threshold = 0.0f;
};

/// real = the sum of `planes` terms +scales[p] or -scales[p]: of all such sums the nearest.
struct BinaryGroup {
  int planes = 1;  ///< 1 to 4, as many as code_bits()
  std::array<float, 4> scales{};
};

}  // namespace lowbit
