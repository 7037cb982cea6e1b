// SPDX-License-Identifier: Apache-2.0
#include "data/glyphs.h"

#include <cmath>

#include "data/glyph_strokes.h"

namespace lowbit::data {
namespace {

/// Takes stroke points to pixels: a smooth displacement of low frequency, then rotation, shear, scale and
/// shift.
class Warp {
 public:
  explicit Warp(GlyphRandom& random) {
    for (Wave& w : waves_) {
      w = {random.uniform(-0.09, 0.09), random.uniform(-0.09, 0.09), random.uniform(-0.45, 0.45),
           random.uniform(-0.45, 0.45), random.uniform(0, 1)};
    }
    const double turn = random.uniform(-0.07, 0.07);
    const double shear = random.uniform(-0.35, 0.35);
    const double sx = random.uniform(6.0, 10.5), sy = random.uniform(6.5, 10.0);
    const double c = cos_turns(turn), s = sin_turns(turn);
    xx_ = c * sx;
    xy_ = c * shear * sy - s * sy;
    yx_ = s * sx;
    yy_ = s * shear * sy + c * sy;
    dx_ = 0.5 * kGlyphSide + random.uniform(-2.5, 2.5);
    dy_ = 0.5 * kGlyphSide + random.uniform(-2.5, 2.5);
  }
  Point operator()(Point p) const {
    Point q = p;
    for (const Wave& w : waves_) {
      const double s = sin_turns(w.fx * p.x + w.fy * p.y + w.phase);
      q.x += w.ax * s;
      q.y += w.ay * s;
    }
    return {xx_ * q.x + xy_ * q.y + dx_, yx_ * q.x + yy_ * q.y + dy_};
  }

 private:
  struct Wave {
    double ax = 0, ay = 0, fx = 0, fy = 0, phase = 0;
  };
  std::array<Wave, 3> waves_{};
  double xx_, xy_, yx_, yy_, dx_, dy_;
};

/// How much of each pixel strokes cover, in [0, 1].
using Coverage = std::array<double, kGlyphPixels>;

int clamp_pixel(double v) {
  return v < 0 ? 0 : v > kGlyphSide - 1 ? kGlyphSide - 1 : static_cast<int>(v);
}

double squared_distance(double x, double y, const Segment& s) {
  const double ux = s.b.x - s.a.x, uy = s.b.y - s.a.y;
  const double length2 = ux * ux + uy * uy;
  double t = length2 > 0 ? ((x - s.a.x) * ux + (y - s.a.y) * uy) / length2 : 0;
  t = t < 0 ? 0 : t > 1 ? 1 : t;
  const double ex = x - (s.a.x + t * ux), ey = y - (s.a.y + t * uy);
  return ex * ex + ey * ey;
}

/// Adds one segment of half-width `radius` (pixels), whose edge falls off over `blur` pixels.
void stroke(Coverage& coverage, const Segment& s, double radius, double blur) {
  const double reach = radius + blur;
  const int x0 = clamp_pixel((s.a.x < s.b.x ? s.a.x : s.b.x) - reach - 1);
  const int x1 = clamp_pixel((s.a.x < s.b.x ? s.b.x : s.a.x) + reach);
  const int y0 = clamp_pixel((s.a.y < s.b.y ? s.a.y : s.b.y) - reach - 1);
  const int y1 = clamp_pixel((s.a.y < s.b.y ? s.b.y : s.a.y) + reach);
  for (int y = y0; y <= y1; ++y) {
    for (int x = x0; x <= x1; ++x) {
      const double d2 = squared_distance(x + 0.5, y + 0.5, s);
      if (d2 >= reach * reach) continue;
      double f = (reach - std::sqrt(d2)) / (2 * blur);
      f = f > 1 ? 1 : f;
      double& c = coverage[static_cast<std::size_t>(y * kGlyphSide + x)];
      const double smooth = f * f * (3 - 2 * f);
      if (smooth > c) c = smooth;
    }
  }
}

Segment random_segment(GlyphRandom& random, double longest) {
  const Point a{random.uniform(0, kGlyphSide), random.uniform(0, kGlyphSide)};
  return {a, {a.x + random.uniform(-longest, longest), a.y + random.uniform(-longest, longest)}};
}

}  // namespace

GlyphImage draw_glyph(std::uint64_t seed, std::uint64_t index) {
  // Two rounds, so that neither neighbouring seeds nor neighbouring images share a stream.
  GlyphRandom random(GlyphRandom(GlyphRandom(seed).next() + index).next());
  GlyphImage image;
  image.label = glyph_label(index);

  const std::vector<Segment> strokes = digit_strokes(image.label, random);
  const Warp warp(random);
  const double radius = random.uniform(0.5, 1.7), blur = random.uniform(0.4, 1.2);
  Coverage ink{};
  for (const Segment& s : strokes) stroke(ink, {warp(s.a), warp(s.b)}, radius, blur);
  for (int extra = random.below(3); extra > 0; --extra)
    stroke(ink, random_segment(random, 6), 0.7 * radius, blur);
  Coverage gap{};
  if (random.chance(0.4)) {
    // Drawn here: the order in which arguments are evaluated differs between compilers.
    const double gap_radius = random.uniform(0.5, 1.5);
    stroke(gap, random_segment(random, 14), gap_radius, 0.5);
  }

  const double paper = random.uniform(0, 0.3), contrast = random.uniform(0.35, 0.7);
  const double noise = random.uniform(0.02, 0.14);
  const double tilt_x = random.uniform(-0.1, 0.1), tilt_y = random.uniform(-0.1, 0.1);
  for (int y = 0; y < kGlyphSide; ++y) {
    for (int x = 0; x < kGlyphSide; ++x) {
      const auto at = static_cast<std::size_t>(y * kGlyphSide + x);
      const double shade = paper + tilt_x * x / kGlyphSide + tilt_y * y / kGlyphSide;
      const double v = shade + contrast * ink[at] * (1 - gap[at]) + noise * random.gaussian();
      const double code = v < 0 ? 0 : v > 1 ? 255 : std::floor(v * 255 + 0.5);
      image.pixels[at] = static_cast<float>(code) / 255.0f;
    }
  }
  return image;
}

void draw_glyphs(std::uint64_t seed, std::uint64_t first, std::span<float> pixels) {
  for (; pixels.size() >= kGlyphPixels; pixels = pixels.subspan(kGlyphPixels)) {
    const GlyphImage image = draw_glyph(seed, first++);
    for (std::size_t i = 0; i < kGlyphPixels; ++i) pixels[i] = image.pixels[i];
  }
}

}  // namespace lowbit::data
