// SPDX-License-Identifier: Apache-2.0
// The float steps that determine codes of weights and of spans.
#pragma once

#include <cstdint>

#include "lowbit/core/config.h"
#include "lowbit/core/detail/round_to_code.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

/// Halves away from zero, for |x| < 2^22.
inline float round_half_away(float x) {
  const float even = round_to_even(x), rest = x - even;  // exact
  if (rest == 0.5f && x > 0.0f) return even + 1.0f;
  if (rest == -0.5f && x < 0.0f) return even - 1.0f;
  return even;
}

/// A number in [0, 1) that follows from a seed and a place: 24 bits of splitmix64 (Steele, Lea, Flood 2014).
inline float uniform_at(std::uint64_t seed, std::uint64_t place) {
  std::uint64_t z = seed + (place + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<float>((z ^ (z >> 31)) >> 40) * 0x1p-24f;
}

/// Up where `uniform` is below the fraction, for |x| < 2^22.
inline float round_stochastic(float x, float uniform) {
  const float even = round_to_even(x), floor = even > x ? even - 1.0f : even;
  return uniform < x - floor ? floor + 1.0f : floor;
}

/// `seed` and `place` are for stochastic rounding alone.
inline float round_as(Rounding rounding, float x, std::uint64_t seed, std::uint64_t place) {
  switch (rounding) {
    case Rounding::half_away:
      return round_half_away(x);
    case Rounding::stochastic:
      return round_stochastic(x, uniform_at(seed, place));
    case Rounding::half_to_even:
      break;
  }
  return round_to_even(x);
}

/// What quantization by `q` into `codes` multiplies with and clamps to.
struct CodeMap {
  float inverse_scale;
  CodeRange range;

  CodeMap(QParams q, IntRange codes)
      : inverse_scale(1.0f / q.scale),
        range{static_cast<float>(codes.qmin - q.zero_point), static_cast<float>(codes.qmax - q.zero_point),
              q.zero_point} {}

  /// clamp(x / scale); 0 for NaN.
  float clamped(float x) const { return range.clamped(x * inverse_scale); }
  /// Rounded to even, as a float.
  float steps(float x) const { return round_to_even(clamped(x)); }
  std::int32_t code(float x) const { return range.code(x * inverse_scale); }
};

}  // namespace lowbit::detail
LOWBIT_END_EXACT
