// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/figures.h"
#include "report/html.h"
#include "report/network_page.h"
#include "report/svg.h"
#include "report/verdict.h"

namespace lowbit::report::page {
namespace {

// In units of the drawing; a letter of the 11 px font of pages is some 6 wide.
constexpr double kChartWidth = 480, kLetterWidth = 6.0;
constexpr std::size_t kLabelLetters = 24;

double label_width(const std::string& text) {
  return static_cast<double>(html::letters(text)) * kLetterWidth;
}

struct DropRow {
  std::string name;
  double points = 0;
  Interval interval{};
  bool judged = false;
};

std::vector<DropRow> drop_rows(const NetworkReport& report) {
  std::vector<DropRow> rows;
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    if (i == report.reference) continue;
    const Verdict verdict = judge(report, i);
    rows.push_back({report.models[i].name, verdict.points, verdict.interval, i == report.subject});
  }
  return rows;
}

struct Point {
  std::string name;
  double x = 0, y = 0, low = 0, high = 0;
  std::string style;
  bool labelled = false, whisker = false;
};

/// Networks of a search were run on other samples: what compares is the distance from the reference on the
/// same ones.
bool is_relative(const NetworkReport& report) {
  return !report.front.empty();
}

std::vector<Point> points_of(const NetworkReport& report, Cost cost) {
  std::vector<Point> points;
  for (const TradeOff& trade : report.front)
    if (trade.points)
      points.push_back(
          {trade.name, cost == Cost::bytes ? trade.bytes : trade.ns, *trade.points, 0, 0, "dot open"});
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    const NetworkModel& model = report.models[i];
    Point& point = points.emplace_back();
    point.name = model.name;
    point.x = cost == Cost::bytes ? static_cast<double>(model.bytes) : model.time.ns;
    point.style = i == report.subject ? "dot" : i == report.reference ? "dot was" : "dot other";
    point.labelled = true;
    if (is_relative(report)) {
      if (i == report.reference) continue;
      const Verdict verdict = judge(report, i);
      point.y = verdict.points, point.low = verdict.interval.low, point.high = verdict.interval.high;
      point.whisker = true;
      continue;
    }
    const std::int64_t count = report.has_labels ? model.correct.value_or(0) : model.agree;
    const Interval interval = wilson(count, report.images);
    point.y = part(count, report.images).value_or(0) * 100;
    point.low = interval.low * 100, point.high = interval.high * 100;
    point.whisker = report.has_labels || i != report.reference;
  }
  return points;
}

/// Those that no other is better than in both, by x.
std::vector<Point> front_of(std::vector<Point> points) {
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& a, const Point& b) { return a.x != b.x ? a.x < b.x : a.y > b.y; });
  std::vector<Point> front;
  for (const Point& point : points)
    if (front.empty() || point.y > front.back().y) front.push_back(point);
  return front;
}

/// Bars from the bottom, side by side; `root` draws square roots, so that rare values are seen too.
void draw_bars(Svg& svg, const std::vector<double>& counts, double left, double width, double bottom,
               double height, const char* style, double fill, bool root) {
  const auto size = [&](double count) { return root ? std::sqrt(count) : count; };
  const double most = size(*std::max_element(counts.begin(), counts.end()));
  if (most <= 0) return;
  const double step = width / static_cast<double>(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double h = size(counts[i]) / most * height;
    if (h > 0)
      svg.rect(left + step * (static_cast<double>(i) + (1 - fill) / 2), bottom - h, step * fill, h, style);
  }
}

}  // namespace

std::string drop_chart(const NetworkReport& report) {
  constexpr double kRow = 38, kTop = 30;
  const std::vector<DropRow> rows = drop_rows(report);
  if (rows.empty()) return {};
  double low = -report.max_drop * 1.5, high = report.max_drop * 0.5;
  for (const DropRow& row : rows)
    low = std::min(low, row.interval.low), high = std::max(high, row.interval.high);
  const double margin = (high - low) * 0.06, bottom = kTop + kRow * static_cast<double>(rows.size());
  const Scale x(low - margin, high + margin, 10, kChartWidth - 10);
  Svg svg(kChartWidth, bottom + 40, "points of accuracy against the reference, with intervals of confidence");
  svg.rect(x(-report.max_drop), kTop - 8, x(0) - x(-report.max_drop), bottom - kTop + 8, "allowed");
  svg.x_axis(x, kTop - 8, bottom, 7,
             fmt::format("points against {}, 95 % confidence", report.original().name));
  svg.text((x(-report.max_drop) + x(0)) / 2, 13, "may be lost", Svg::Anchor::middle, "value");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const DropRow& row = rows[i];
    const double y = kTop + kRow * (static_cast<double>(i) + 0.62);
    const std::string tip = fmt::format("{}: {} points, {} to {}", row.name, points_text(row.points),
                                        points_text(row.interval.low), points_text(row.interval.high));
    svg.line(x(row.interval.low), y, x(row.interval.high), y, row.judged ? "whisker" : "whisker soft");
    for (const double end : {row.interval.low, row.interval.high})
      svg.line(x(end), y - 4, x(end), y + 4, row.judged ? "whisker" : "whisker soft");
    svg.circle(x(row.points), y, 5, row.judged ? "dot" : "dot other", tip);
    const std::string name = html::shortened(row.name, 40) + "  " + points_text(row.points);
    const double half = label_width(name) / 2;
    svg.text(std::clamp(x(row.points), 4 + half, kChartWidth - 4 - half), y - 11, name, Svg::Anchor::middle,
             row.judged ? "strong" : "", tip);
  }
  return svg.to_string();
}

std::string trade_off_chart(const NetworkReport& report, Cost cost) {
  constexpr double kTop = 24, kBottom = 250, kLeft = 44, kRight = kChartWidth - 14;
  const std::vector<Point> points = points_of(report, cost);
  if (points.empty()) return {};
  double x_low = points[0].x, x_high = x_low, y_low = points[0].y, y_high = y_low;
  for (const Point& p : points) {
    x_low = std::min(x_low, p.x), x_high = std::max(x_high, p.x);
    y_low = std::min(y_low, p.whisker ? p.low : p.y), y_high = std::max(y_high, p.whisker ? p.high : p.y);
  }
  if (x_low <= 0) return {};
  const double unit = cost == Cost::bytes ? 1e-3 : 1e-6, margin = std::max((y_high - y_low) * 0.08, 0.05);
  const Scale x(x_low * unit / 1.2, x_high * unit * 1.2, kLeft, kRight, Scale::Kind::log);
  const bool relative = is_relative(report);
  const Scale y(y_low - margin, relative ? y_high + margin : std::min(y_high + margin, 100.0), kBottom, kTop);
  Svg svg(
      kChartWidth, kBottom + 40,
      cost == Cost::bytes ? "accuracy over the size of the network" : "accuracy over the time of an image");
  svg.x_axis(x, kTop, kBottom, 8, cost == Cost::bytes ? "kilobytes" : "milliseconds an image");
  svg.y_axis(y, kLeft, kRight, 6,
             relative            ? "points against " + report.original().name
             : report.has_labels ? "% right"
                                 : "% answered as the reference does");
  std::vector<std::pair<double, double>> line;
  for (const Point& p : front_of(points)) {
    if (!line.empty()) line.emplace_back(x(p.x * unit), line.back().second);
    line.emplace_back(x(p.x * unit), y(p.y));
  }
  svg.path(line, "front");
  std::vector<Label> labels;
  std::vector<std::string> names;
  for (const Point& p : points) {
    if (p.whisker) svg.line(x(p.x * unit), y(p.low), x(p.x * unit), y(p.high), "whisker soft");
    svg.circle(x(p.x * unit), y(p.y), p.labelled ? 5 : 3, p.style,
               relative ? fmt::format("{}: {} points", p.name, points_text(p.y))
                        : fmt::format("{}: {:.2f} %", p.name, p.y));
    if (!p.labelled) continue;
    names.push_back(html::shortened(p.name, kLabelLetters));
    const double width = label_width(names.back()), at = x(p.x * unit);
    labels.push_back({at + 9 + width > kRight ? at - 9 - width : at + 9, y(p.y) - 6, width});
  }
  const std::vector<double> places = place_labels(labels, 13, kTop + 8, kBottom - 3);
  for (std::size_t i = 0; i < names.size(); ++i) svg.text(labels[i].x, places[i], names[i]);
  return svg.to_string();
}

std::string histogram_chart(const HistogramFigure& figure, const std::string& label, bool root) {
  constexpr double kWidth = 312, kTop = 6, kBottom = 84;
  Svg svg(kWidth, kBottom + 20, label);
  const Scale x(figure.low, figure.high, 2, kWidth - 2);
  for (const double level : figure.levels) svg.line(x(level), kTop, x(level), kBottom, "level");
  draw_bars(svg, figure.fp32, 2, kWidth - 4, kBottom, kBottom - kTop, "was-area", 1.0, root);
  if (!figure.quantized.empty())
    draw_bars(svg, figure.quantized, 2, kWidth - 4, kBottom, kBottom - kTop, "levels", 0.4, root);
  for (const double clip : {figure.clip_low, figure.clip_high})
    svg.line(x(clip), kTop - 4, x(clip), kBottom, "clip");
  svg.line(2, kBottom, kWidth - 2, kBottom, "axis-line");
  for (const double tick : x.ticks(6))
    if (x(tick) > 12 && x(tick) < kWidth - 12)
      svg.text(x(tick), kBottom + 14, tick_text(tick), Svg::Anchor::middle, "tick");
  return svg.to_string();
}

std::string channels_chart(const std::vector<ChannelRange>& channels, const std::string& label) {
  constexpr double kWidth = 312, kTop = 6, kBottom = 84, kLeft = 38;
  if (channels.empty()) return {};
  double low = 0, high = 0;
  for (const ChannelRange& c : channels)
    low = std::min({low, double{c.fp32_low}, double{c.low}}),
    high = std::max({high, double{c.fp32_high}, double{c.high}});
  const Scale y(low, high, kBottom, kTop);
  Svg svg(kWidth, kBottom + 8, label);
  svg.y_axis(y, kLeft, kWidth, 4, "");
  const double step = (kWidth - kLeft) / static_cast<double>(channels.size());
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const ChannelRange& c = channels[i];
    const double x = kLeft + step * (static_cast<double>(i) + 0.5), width = std::min(step * 0.8, 7.0);
    svg.rect(x - width / 2, y(c.fp32_high), width, y(c.fp32_low) - y(c.fp32_high), "was-area",
             fmt::format("channel {}: {:.3g} to {:.3g}; quantized {:.3g} to {:.3g}", i, c.fp32_low,
                         c.fp32_high, c.low, c.high));
    const double thin = std::min(width * 0.45, 2.0);
    svg.rect(x - thin / 2, y(c.high), thin, y(c.low) - y(c.high), "levels");
  }
  return svg.to_string();
}

}  // namespace lowbit::report::page
