// SPDX-License-Identifier: Apache-2.0
// Rounding to codes and the limits of codes, in one place: every loop of the library that is written out in
// C++ rounds, clamps and treats NaN as this does.
#pragma once

#include <cstdint>

#include "lowbit/core/config.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

/// Nearest integer, ties to even, for |x| <= 2^22. Adding 1.5 * 2^23 leaves no bits below one, so that the
/// hardware's own rounding does the work: unlike std::rint this is two vector additions on every CPU.
inline float round_to_even(float x) {
  return (x + 12582912.0f) - 12582912.0f;
}

/// The codes that may be produced: [lo, hi] counted from the zero point.
struct CodeRange {
  float lo = 0.0f, hi = 255.0f;
  std::int32_t zero_point = 0;

  /// Within the range; NaN counts as 0. Clamping before rounding gives the same code, since the ends are
  /// integers, and no sum can overflow.
  float clamped(float steps) const {
    steps = steps == steps ? steps : 0.0f;
    steps = steps < lo ? lo : steps;
    return steps > hi ? hi : steps;
  }
  std::int32_t code(float steps) const {
    return static_cast<std::int32_t>(round_to_even(clamped(steps))) + zero_point;
  }
};

}  // namespace lowbit
LOWBIT_END_EXACT
