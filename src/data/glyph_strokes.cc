// SPDX-License-Identifier: Apache-2.0
#include "data/glyph_strokes.h"

#include <cmath>

namespace lowbit::data {

double GlyphRandom::gaussian() {
  const std::uint64_t bits = next();
  const auto part = [bits](int shift) { return static_cast<double>((bits >> shift) & 0xFFFF); };
  // Mean of the sum 4 * 32767.5, variance 4 * 2^32 / 12.
  return (part(0) + part(16) + part(32) + part(48) - 131070.0) * (1.7320508075688772 / 65536.0);
}

double sin_turns(double t) {
  t -= std::floor(t + 0.5);  // [-0.5, 0.5)
  if (t > 0.25) t = 0.5 - t;
  if (t < -0.25) t = -0.5 - t;
  const double x = 6.283185307179586 * t;
  const double s = x * x;
  const double p =
      1.0 + s * (-1.0 / 6 + s * (1.0 / 120 + s * (-1.0 / 5040 + s * (1.0 / 362880 - s * (1.0 / 39916800)))));
  return x * p;
}

namespace {

/// Draws lines and arcs as short segments. Corners are moved a little, which is what tells two writers apart.
class Pen {
 public:
  explicit Pen(GlyphRandom& random) : random_(random) {}

  void move_to(double x, double y) {
    at_ = jittered(x, y);
    down_ = true;
  }
  void line_to(double x, double y) {
    const Point from = at_, to = jittered(x, y);
    for (int i = 1; i <= kPieces; ++i) {
      const double f = static_cast<double>(i) / kPieces;
      extend({from.x + (to.x - from.x) * f, from.y + (to.y - from.y) * f});
    }
  }
  /// An arc of the ellipse around (cx, cy), angles in turns from the right, growing clockwise on the image.
  /// Connected to the stroke so far unless the pen was lifted.
  void arc(double cx, double cy, double rx, double ry, double from, double to) {
    const Point c = jittered(cx, cy);
    rx *= random_.uniform(0.9, 1.1);
    ry *= random_.uniform(0.9, 1.1);
    from += random_.uniform(-0.03, 0.03);
    to += random_.uniform(-0.03, 0.03);
    const int pieces = 2 + static_cast<int>(std::fabs(to - from) * 16);
    for (int i = 0; i <= pieces; ++i) {
      const double angle = from + (to - from) * i / pieces;
      extend({c.x + rx * cos_turns(angle), c.y + ry * sin_turns(angle)});
    }
  }
  void lift() { down_ = false; }
  std::vector<Segment> take() { return std::move(segments_); }

 private:
  static constexpr int kPieces = 5;

  Point jittered(double x, double y) {
    return {x + random_.uniform(-0.08, 0.08), y + random_.uniform(-0.08, 0.08)};
  }
  void extend(Point to) {
    if (down_) segments_.push_back({at_, to});
    at_ = to;
    down_ = true;
  }

  GlyphRandom& random_;
  std::vector<Segment> segments_;
  Point at_;
  bool down_ = false;
};

void one(Pen& pen, int variant) {
  pen.move_to(-0.35, -0.6);
  if (variant == 0) {
    pen.move_to(0, -1);
  } else {
    pen.line_to(0, -1);
  }
  pen.line_to(0, 1);
  if (variant < 2) return;
  pen.move_to(-0.45, 1);
  pen.line_to(0.45, 1);
}

void two(Pen& pen, int variant) {
  if (variant == 0) {
    pen.move_to(-0.55, -0.6);
    pen.line_to(-0.1, -1);
    pen.line_to(0.5, -0.65);
    pen.line_to(0.45, -0.2);
  } else {
    pen.arc(0, -0.45, 0.55, 0.55, -0.5, 0.08);
  }
  pen.line_to(-0.6, 1);
  pen.line_to(0.65, variant == 2 ? 0.8 : 1.0);
}

void three(Pen& pen, int variant) {
  if (variant == 0) {
    pen.move_to(-0.55, -1);
    pen.line_to(0.5, -1);
    pen.line_to(-0.05, -0.2);
    pen.arc(-0.05, 0.4, 0.6, 0.6, -0.25, 0.4);
  } else {
    pen.arc(-0.05, -0.5, 0.5, 0.5, -0.42, 0.25);
    pen.arc(-0.05, 0.5, 0.6, 0.5, -0.25, 0.42);
  }
}

void four(Pen& pen, int variant) {
  if (variant == 0) {
    pen.move_to(0.3, 1);
    pen.line_to(0.3, -1);
    pen.line_to(-0.6, 0.35);
    pen.line_to(0.65, 0.35);
  } else {
    pen.move_to(-0.45, -1);
    pen.line_to(-0.55, 0.15);
    pen.line_to(0.6, 0.15);
    pen.move_to(0.35, -0.8);
    pen.line_to(0.3, 1);
  }
}

void five(Pen& pen, int variant) {
  pen.move_to(0.55, -1);
  pen.line_to(-0.4, -1);
  if (variant == 0) {
    pen.line_to(-0.5, -0.1);
    pen.arc(-0.05, 0.35, 0.6, 0.6, -0.36, 0.42);
  } else {
    pen.line_to(-0.4, -0.15);
    pen.line_to(0.0, -0.2);
    pen.arc(-0.05, 0.4, 0.55, 0.6, -0.25, 0.35);
  }
}

void six(Pen& pen, int variant) {
  if (variant == 0) {
    pen.arc(0.5, 0.35, 1.05, 1.35, 0.75, 0.5);
  } else {
    pen.move_to(0.1, -1);
    pen.line_to(-0.52, 0.3);
  }
  pen.arc(0, 0.42, 0.55, 0.58, 0.5, -0.5);
}

void seven(Pen& pen, int variant) {
  pen.move_to(-0.6, -0.7);
  if (variant == 2) {
    pen.line_to(-0.6, -1);
  } else {
    pen.move_to(-0.6, -1);
  }
  pen.line_to(0.6, -1);
  pen.line_to(-0.15, 1);
  if (variant != 1) return;
  pen.move_to(-0.35, 0.05);
  pen.line_to(0.5, 0.05);
}

void eight(Pen& pen, int variant) {
  if (variant == 0) {
    pen.arc(0, -0.5, 0.45, 0.48, 0.25, 1.25);
    pen.lift();
    pen.arc(0, 0.5, 0.58, 0.52, -0.25, 0.75);
  } else {
    pen.arc(0, -0.52, 0.47, 0.45, -0.08, -0.75);
    pen.arc(0, 0.48, 0.55, 0.52, -0.25, 0.75);
    pen.line_to(0.45, -0.75);
  }
}

void nine(Pen& pen, int variant) {
  pen.arc(0, -0.45, 0.52, 0.52, 0, -1);
  if (variant == 0) {
    pen.line_to(0.4, 1);
  } else {
    pen.line_to(0.5, 0.3);
    pen.arc(-0.05, 0.4, 0.55, 0.6, 0, 0.35);
  }
}

}  // namespace

std::vector<Segment> digit_strokes(int digit, GlyphRandom& random) {
  Pen pen(random);
  const int variant = random.below(3);
  switch (digit) {
    case 0:
      pen.arc(0, 0, variant == 0 ? 0.42 : 0.6, 1, -0.2, 0.8);
      break;
    case 1:
      one(pen, variant);
      break;
    case 2:
      two(pen, variant);
      break;
    case 3:
      three(pen, variant);
      break;
    case 4:
      four(pen, variant);
      break;
    case 5:
      five(pen, variant);
      break;
    case 6:
      six(pen, variant);
      break;
    case 7:
      seven(pen, variant);
      break;
    case 8:
      eight(pen, variant);
      break;
    default:
      nine(pen, variant);
      break;
  }
  return pen.take();
}

}  // namespace lowbit::data
