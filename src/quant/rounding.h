// The float steps that determine codes, in one place.
#pragma once

#include <cstdint>

#include "lowbit/core/qparams.h"

namespace lowbit::detail {

/// Nearest integer, ties to even, for |x| <= 2^22. Adding 1.5 * 2^23 leaves no bits below one, so that the
/// hardware's own rounding does the work: unlike std::rint this is two vector additions on every CPU.
inline float round_to_even(float x) {
  return (x + 12582912.0f) - 12582912.0f;
}

/// What quantization by `q` into `codes` multiplies with and clamps to.
struct CodeMap {
  float inverse_scale, lo, hi;
  std::int32_t zero_point;

  CodeMap(QParams q, IntRange codes)
      : inverse_scale(1.0f / q.scale),
        lo(static_cast<float>(codes.qmin - q.zero_point)),
        hi(static_cast<float>(codes.qmax - q.zero_point)),
        zero_point(q.zero_point) {}

  /// rint(clamp(x / scale)) as a float; 0 for NaN. Clamping first gives the same code, since the ends are
  /// integers.
  float steps(float x) const {
    float v = x * inverse_scale;
    v = v == v ? v : 0.0f;
    v = v < lo ? lo : v;
    v = v > hi ? hi : v;
    return round_to_even(v);
  }
  std::int32_t code(float x) const { return static_cast<std::int32_t>(steps(x)) + zero_point; }
};

}  // namespace lowbit::detail
