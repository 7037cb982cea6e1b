// The float steps that determine codes, in one place.
#pragma once

#include <cstdint>

#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"

namespace lowbit::detail {

/// Nearest integer, ties to even, for |x| <= 2^22. Adding 1.5 * 2^23 leaves no bits below one, so that the
/// hardware's own rounding does the work: unlike std::rint this is two vector additions on every CPU.
inline float round_to_even(float x) {
  return (x + 12582912.0f) - 12582912.0f;
}

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
  float inverse_scale, lo, hi;
  std::int32_t zero_point;

  CodeMap(QParams q, IntRange codes)
      : inverse_scale(1.0f / q.scale),
        lo(static_cast<float>(codes.qmin - q.zero_point)),
        hi(static_cast<float>(codes.qmax - q.zero_point)),
        zero_point(q.zero_point) {}

  /// clamp(x / scale); 0 for NaN. Clamping before rounding gives the same code, since the ends are integers.
  float clamped(float x) const {
    float v = x * inverse_scale;
    v = v == v ? v : 0.0f;
    v = v < lo ? lo : v;
    return v > hi ? hi : v;
  }
  /// Rounded to even, as a float.
  float steps(float x) const { return round_to_even(clamped(x)); }
  std::int32_t code(float x) const { return static_cast<std::int32_t>(steps(x)) + zero_point; }
};

}  // namespace lowbit::detail
