// The strokes of each digit, before any warp, in a box of about [-0.7, 0.7] x [-1, 1] with y pointing down;
// and the random numbers and the sine that glyph drawing uses.
#pragma once

#include <cstdint>
#include <vector>

namespace lowbit::cli {

/// SplitMix64 (Steele, Lea, Flood 2014): integers only, the same values everywhere.
class GlyphRandom {
 public:
  explicit GlyphRandom(std::uint64_t state) : state_(state) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /// In [lo, hi).
  double uniform(double lo, double hi) {
    return lo + (hi - lo) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }
  int below(int n) { return static_cast<int>((next() >> 32) % static_cast<std::uint64_t>(n)); }
  bool chance(double p) { return uniform(0, 1) < p; }
  /// Close to Gaussian with unit variance: four uniforms of 16 bits from one draw.
  double gaussian();

 private:
  std::uint64_t state_;
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

}  // namespace lowbit::cli
