// SPDX-License-Identifier: Apache-2.0
// QParams and IntRange: the two numbers and the code range that tie integers to reals,
//   real = scale * (code - zero_point),   code in [qmin, qmax].
// The maths is worked through in docs/quantization.md.
#pragma once

#include <cstdint>

#include "lowbit/core/config.h"

namespace lowbit {

/// Inclusive range of integer codes.
struct IntRange {
  std::int32_t qmin = -128, qmax = 127;

  friend bool operator==(const IntRange&, const IntRange&) = default;
};

/// [-2^(bits-1), 2^(bits-1)-1]; narrow: without the lowest code, so that the range is symmetric. 2 <= bits
/// <= 16.
constexpr IntRange signed_range(int bits, bool narrow = false) {
  return {-(1 << (bits - 1)) + (narrow ? 1 : 0), (1 << (bits - 1)) - 1};
}
/// [0, 2^bits-1].
constexpr IntRange unsigned_range(int bits) {
  return {0, (1 << bits) - 1};
}

/// Affine quantization parameters of one tensor, channel, row or group. Zero is always exactly representable:
/// it is the code `zero_point`.
struct QParams {
  float scale = 1.0f;
  std::int32_t zero_point = 0;

  friend bool operator==(const QParams&, const QParams&) = default;
};

/// A range of real values, as observers report it.
struct Range {
  float min = 0.0f, max = 0.0f;

  friend bool operator==(const Range&, const Range&) = default;
};

}  // namespace lowbit
