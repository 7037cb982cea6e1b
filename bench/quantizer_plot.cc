// SPDX-License-Identifier: Apache-2.0
#include "quantizer_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace lowbit::bench {
namespace {

struct Family {
  const char *name, *colour;
};
// Colours of middle lightness, for light and dark pages.
constexpr Family kFamilies[] = {
    {"int, symmetric", "#3b82f6"},        {"int, zero point or offset", "#0e9fb0"},
    {"kmeans, quantile", "#e5484d"},      {"nf4", "#a855f7"},
    {"fp4, fp8, mx, nvfp4", "#d97706"},   {"log, apot", "#16a34a"},
    {"ternary, ttq, absmean", "#e44ba0"}, {"binary", "#9a7b56"}};

const Family& family(const Scheme& s) {
  switch (s.weights) {
    case WeightKind::affine:
      return kFamilies[s.mapping == Mapping::symmetric ? 0 : 1];
    case WeightKind::kmeans:
    case WeightKind::quantile:
      return kFamilies[2];
    case WeightKind::nf4:
      return kFamilies[3];
    case WeightKind::log:
    case WeightKind::apot:
      return kFamilies[5];
    case WeightKind::ternary:
    case WeightKind::ttq:
    case WeightKind::absmean:
      return kFamilies[6];
    case WeightKind::binary:
      return kFamilies[7];
    default:
      return kFamilies[4];
  }
}

bool has_groups(const Scheme& s) {
  return s.granularity.kind == Granularity::Kind::group || s.weights == WeightKind::mxfp ||
         s.weights == WeightKind::mxint || s.weights == WeightKind::nvfp4;
}

std::string svg_text(double x, double y, const char* anchor, std::string_view what,
                     std::string_view attributes = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor,
                     attributes, what);
}

std::string escaped(std::string_view text) {
  std::string s;
  for (const char c : text) s += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  return s;
}

std::string svg_line(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1,
                     x2, y2, style);
}

/// What a panel shows, and its height.
struct Range {
  double min_bits, max_bits, bits_step, min_db, max_db, db_step, height;
};
constexpr Range kAll{0.6, 10.2, 1, 0, 50, 10, 400}, kFourBits{3.9, 5.5, 0.5, 8, 26, 4, 300};
constexpr double kPanelWidth = 372;
/// What the best of each is named for; groups and tables make codes a little wider than 2, 4 and 8 bits.
constexpr std::array kWidths{2.5, 4.3, 8.3};

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

/// One data set: bits to the right, decibels upwards.
class Panel {
 public:
  Panel(const Range& range, double left, double top) : range_(range), left_(left), top_(top) {}

  std::string frame(const PlottedData& data) const {
    std::string s;
    const double right = left_ + kPanelWidth, bottom = top_ + range_.height;
    for (double b = std::ceil(range_.min_bits); b <= range_.max_bits; b += range_.bits_step)
      s += svg_line(x(b), top_, x(b), bottom, "grid") +
           svg_text(x(b), bottom + 20, "middle", fmt::format("{:g}", b));
    for (double d = range_.min_db; d <= range_.max_db; d += range_.db_step)
      s += svg_line(left_, y(d), right, y(d), "grid") +
           svg_text(left_ - 8, y(d) + 5, "end", fmt::format("{:g}", d));
    const auto limit = [&](double bits) { return data.limit_db + kBitDb * bits; };
    const double end = std::min(range_.max_bits, (range_.max_db - data.limit_db) / kBitDb);
    s += svg_line(x(range_.min_bits), y(limit(range_.min_bits)), x(end), y(limit(end)), "limit");
    s += svg_text(left_ + 12, top_ - 14, "start", escaped(data.name), " class=\"title\"");
    return s + svg_text(right, top_ - 14, "end", "dashed: " + data.limit);
  }

  bool holds(const PlottedPoint& p) const {
    return p.packed_bits >= range_.min_bits && p.packed_bits <= range_.max_bits &&
           p.sqnr_db >= range_.min_db && p.sqnr_db <= range_.max_db;
  }

  std::string point(const PlottedPoint& p) const {
    const char* colour = family(p.scheme).colour;
    const bool gaps = p.bits > p.packed_bits + 0.01;
    const std::string paint = fmt::format("fill=\"{}\" stroke=\"{}\"", gaps ? "none" : colour, colour);
    const std::string title =
        fmt::format("<title>{}: {:.2f} bits, {:.2f} dB</title>", p.name, p.packed_bits, p.sqnr_db);
    const double px = x(p.packed_bits), py = y(p.sqnr_db);
    if (has_groups(p.scheme))
      return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"7.6\" height=\"7.6\" {}>{}</rect>\n",
                         px - 3.8, py - 3.8, paint, title);
    return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.2\" {}>{}</circle>\n", px, py, paint,
                       title);
  }

  /// Names of the points that no other one beats in bits and decibels, as far as there is room: up and to the
  /// left, where nothing lies, as nothing beats them.
  std::string names(const std::vector<PlottedPoint>& points) const {
    std::vector<const PlottedPoint*> inside;
    for (const PlottedPoint& p : points)
      if (holds(p)) inside.push_back(&p);
    std::stable_sort(inside.begin(), inside.end(), [](const PlottedPoint* a, const PlottedPoint* b) {
      return a->packed_bits != b->packed_bits ? a->packed_bits < b->packed_bits : a->sqnr_db > b->sqnr_db;
    });
    std::string s;
    std::vector<Box> taken;
    for (const PlottedPoint* p : inside) {
      const double px = x(p->packed_bits), py = y(p->sqnr_db);
      taken.push_back({px - 4, py - 4, px + 4, py + 4});
    }
    double best = -1e9;
    for (const PlottedPoint* p : inside) {
      if (p->sqnr_db <= best) continue;
      best = p->sqnr_db;
      const double px = x(p->packed_bits), py = y(p->sqnr_db),
                   width = 6.6 * static_cast<double>(p->name.size());
      for (const auto& [dx, dy] : {std::pair(-7.0, -3.0), std::pair(-3.0, -10.0), std::pair(-7.0, 10.0),
                                   std::pair(width + 7, -3.0), std::pair(width + 7, 10.0)}) {
        const Box box{px + dx - width, py + dy - 10, px + dx, py + dy + 3};
        if (box.left < left_ + 2 || box.top < top_ + 2 || box.right > left_ + kPanelWidth) continue;
        if (std::any_of(taken.begin(), taken.end(), [&](const Box& b) { return b.meets(box); })) continue;
        taken.push_back(box);
        s += svg_text(px + dx, py + dy, "end", p->name, " class=\"name\"");
        break;
      }
    }
    return s;
  }

  /// Below the axis.
  std::string note(std::string_view what, int line) const {
    return svg_text(left_ + kPanelWidth / 2, top_ + range_.height + 20 + 22 * line, "middle", what);
  }

 private:
  double x(double bits) const {
    return left_ + (bits - range_.min_bits) / (range_.max_bits - range_.min_bits) * kPanelWidth;
  }
  double y(double db) const {
    return top_ + (range_.max_db - db) / (range_.max_db - range_.min_db) * range_.height;
  }

  Range range_;
  double left_, top_;
};

std::string legend(double left, double top) {
  std::string s;
  for (std::size_t i = 0; i < std::size(kFamilies); ++i) {
    const double x = left + 240 * double(i % 4), y = top + 26 * double(i / 4);
    s += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"/>\n", x, y - 5,
                     kFamilies[i].colour);
    s += svg_text(x + 12, y, "start", kFamilies[i].name);
  }
  return s +
         svg_text(left, top + 54, "start",
                  "circle: one scale or table for the matrix or a channel; square: for groups or blocks") +
         svg_text(left, top + 76, "start",
                  "hollow: lowbit stores the codes or tables in more bits than they are drawn with");
}

/// The most decibels for so many bits as stored.
std::string best_of(const PlottedData& data, double bits) {
  const PlottedPoint* best = nullptr;
  for (const PlottedPoint& p : data.points)
    if (p.bits <= bits && (!best || p.sqnr_db > best->sqnr_db)) best = &p;
  if (!best) return fmt::format("\u2264 {:g}: none", bits);
  return fmt::format("\u2264 {:g}: <tspan class=\"strong\">{}</tspan>, {:.1f} dB in {:.2f} bits", bits,
                     best->name, best->sqnr_db, best->bits);
}

}  // namespace

void write_quantizer_plot(const std::string& path, const std::vector<PlottedData>& data) {
  constexpr double kLeft = 62, kStep = kPanelWidth + 48, kHead = 24, kTop = 182,
                   kSecond = kTop + kAll.height + 118;
  const double width = kLeft + kStep * static_cast<double>(data.size()) - 30;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\">\n"
      "<title>SQNR of weight quantizers in dB against bits per weight</title>\n"
      "<style>text{{font:15px sans-serif;fill:#7a828c}} .title,.strong{{font-weight:bold}} "
      ".title{{font-size:17px}} "
      ".name{{font-size:12px}} .grid{{stroke:#7a828c;stroke-opacity:.28}} "
      ".limit{{stroke:#7a828c;stroke-width:2;stroke-dasharray:7 4}} "
      "circle,rect{{stroke-width:1.6;fill-opacity:.75}}</style>\n",
      width, kSecond + kFourBits.height + 162);
  svg += svg_text(kLeft + 12, kHead, "start",
                  "The most SQNR at each width, in bits per weight as stored (hollow points take more than "
                  "where they lie)",
                  " class=\"title\"");
  for (std::size_t j = 0; j < data.size(); ++j) {
    const double left = kLeft + kStep * static_cast<double>(j);
    svg += svg_text(left + 12, kHead + 28, "start", escaped(data[j].name), " class=\"strong\"");
    for (std::size_t w = 0; w < kWidths.size(); ++w)
      svg += svg_text(left + 12, kHead + 50 + 22 * static_cast<double>(w), "start",
                      best_of(data[j], kWidths[w]));
    const Panel all(kAll, left, kTop), four_bits(kFourBits, left, kSecond);
    svg += all.frame(data[j]) + four_bits.frame(data[j]);
    std::string outside;
    for (const PlottedPoint& p : data[j].points) {
      for (const Panel* panel : {&all, &four_bits})
        if (panel->holds(p)) svg += panel->point(p);
      if (!all.holds(p))
        outside += fmt::format("; {} ({:.1f} bits, {:.1f} dB)", p.name, p.packed_bits, p.sqnr_db);
    }
    svg += all.names(data[j].points) + four_bits.names(data[j].points);
    svg += all.note("bits per weight", 1) + four_bits.note("bits per weight", 1);
    if (!outside.empty()) svg += all.note("outside: " + outside.substr(2), 2);
  }
  for (const auto& [top, height] : {std::pair(kTop, kAll.height), std::pair(kSecond, kFourBits.height)})
    svg += svg_text(0, 0, "middle", "SQNR, dB",
                    fmt::format(" transform=\"translate(20 {:.1f}) rotate(-90)\"", top + height / 2));
  svg += legend(kLeft + 6, kSecond + kFourBits.height + 74) + "</svg>\n";
  std::ofstream file(path, std::ios::binary);
  file << svg;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace lowbit::bench
