// SPDX-License-Identifier: Apache-2.0
// The strokes of each digit, before any warp, in a box of about [-0.7, 0.7] x [-1, 1] with y pointing down;
// and the random numbers and the sine that glyph drawing uses.
#pragma once

#include <cstdint>
#include <vector>

#include "core/random.h"

namespace lowbit::data {

class GlyphRandom : public detail::SplitMix64 {
 public:
  using SplitMix64::SplitMix64;
  /// In [lo, hi).
  double uniform(double lo, double hi) {
    return lo + (hi - lo) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }
  int below(int n) { return static_cast<int>((next() >> 32) % static_cast<std::uint64_t>(n)); }
  bool chance(double p) { return uniform(0, 1) < p; }
  /// Close to Gaussian with unit variance: four uniforms of 16 bits from one draw.
  double gaussian();
};

/// sin(2 pi t) to about 1e-7, from a polynomial: the sine of the C library differs between platforms.
double sin_turns(double t);
inline double cos_turns(double t) {
  return sin_turns(t + 0.25);
}

struct Point {
  double x = 0, y = 0;
};
struct Segment {
  Point a, b;
};

/// The strokes of `digit` in a variant and with slightly moved corners that `random` chooses, cut into short
/// segments.
std::vector<Segment> digit_strokes(int digit, GlyphRandom& random);

}  // namespace lowbit::data
