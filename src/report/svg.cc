// SPDX-License-Identifier: Apache-2.0
#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "report/html.h"

namespace lowbit::report {

using html::escaped;

Scale::Scale(double low, double high, double from, double to, Kind kind)
    : low_(low), high_(high), from_(from), to_(to), kind_(kind) {
  if (high_ > low_) return;
  const double apart = low_ == 0 ? 1 : std::abs(low_) * 0.1;
  high_ = low_ + apart;
  if (kind_ == Kind::linear) low_ -= apart;
}

double Scale::operator()(double value) const {
  const double v = std::clamp(value, low_, high_);
  const double part =
      kind_ == Kind::log ? std::log(v / low_) / std::log(high_ / low_) : (v - low_) / (high_ - low_);
  return from_ + part * (to_ - from_);
}

std::vector<double> Scale::ticks(int most) const {
  std::vector<double> found;
  if (kind_ == Kind::log) {
    // The densest of these that is not too dense.
    for (const std::vector<double>& digits :
         {std::vector<double>{1, 1.5, 2, 3, 4, 5, 6, 8}, {1, 2, 3, 5}, {1, 2, 5}, {1, 3}, {1}}) {
      found.clear();
      const int last = static_cast<int>(std::floor(std::log10(high_)));
      for (int exponent = static_cast<int>(std::floor(std::log10(low_))); exponent <= last; ++exponent)
        for (const double digit : digits) {
          const double tick = digit * std::pow(10.0, exponent);
          if (tick >= low_ * 0.9999 && tick <= high_ * 1.0001) found.push_back(tick);
        }
      if (static_cast<int>(found.size()) <= most) break;
    }
    return found;
  }
  const double rough = (high_ - low_) / std::max(most - 1, 1);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double digit : {5.0, 2.0, 1.0})
    if (digit * power >= rough * 0.9999) step = digit * power;
  const auto first = static_cast<std::int64_t>(std::ceil(low_ / step - 1e-9)),
             last = static_cast<std::int64_t>(std::floor(high_ / step + 1e-9));
  for (std::int64_t k = first; k <= last; ++k) found.push_back(static_cast<double>(k) * step);
  return found;
}

std::string tick_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e6) return fmt::format("{:g} M", value * 1e-6);
  if (size >= 1e4) return fmt::format("{:g} k", value * 1e-3);
  return fmt::format("{:g}", std::round(value * 1e6) * 1e-6);
}

Svg::Svg(double width, double height, std::string_view label)
    : text_(fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n", width, height,
                        escaped(label))) {}

void Svg::tipped(const std::string& open, std::string_view name, std::string_view tip) {
  text_ += tip.empty() ? open + "/>\n" : fmt::format("{}><title>{}</title></{}>\n", open, escaped(tip), name);
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view style) {
  text_ += fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                       style, x1, y1, x2, y2);
}

void Svg::rect(double x, double y, double width, double height, std::string_view style,
               std::string_view tip) {
  tipped(fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"", style,
                     x, y, std::max(width, 0.0), std::max(height, 0.0)),
         "rect", tip);
}

void Svg::circle(double x, double y, double radius, std::string_view style, std::string_view tip) {
  tipped(fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"", style, x, y, radius),
         "circle", tip);
}

void Svg::diamond(double x, double y, double radius, std::string_view style, std::string_view tip) {
  tipped(fmt::format(
             "<path class=\"{}\" d=\"M{:.1f} {:.1f}l{r:.1f} {r:.1f}l-{r:.1f} {r:.1f}l-{r:.1f} -{r:.1f}z\"",
             style, x, y - radius, fmt::arg("r", radius)),
         "path", tip);
}

void Svg::text(double x, double y, std::string_view text, Anchor anchor, std::string_view style,
               std::string_view tip) {
  constexpr const char* kAnchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
  text_ += fmt::format("<text{} x=\"{:.1f}\" y=\"{:.1f}\"{}>{}{}</text>\n",
                       style.empty() ? "" : fmt::format(" class=\"{}\"", style), x, y,
                       kAnchors[static_cast<int>(anchor)], escaped(text),
                       tip.empty() ? "" : fmt::format("<title>{}</title>", escaped(tip)));
}

void Svg::path(const std::vector<std::pair<double, double>>& points, std::string_view style, bool closed) {
  if (points.empty()) return;
  std::string d;
  for (const auto& [x, y] : points) d += fmt::format("{}{:.1f} {:.1f}", d.empty() ? "M" : "L", x, y);
  text_ += fmt::format("<path class=\"{}\" d=\"{}{}\"/>\n", style, d, closed ? "z" : "");
}

void Svg::x_axis(const Scale& scale, double top, double bottom, int ticks, std::string_view name) {
  for (const double value : scale.ticks(ticks)) {
    const double x = scale(value);
    line(x, top, x, bottom, "grid");
    text(x, bottom + 15, tick_text(value), Anchor::middle, "tick");
  }
  if (!name.empty()) text(scale(scale.high()), bottom + 32, name, Anchor::end, "axis");
}

void Svg::y_axis(const Scale& scale, double left, double right, int ticks, std::string_view name) {
  for (const double value : scale.ticks(ticks)) {
    const double y = scale(value);
    line(left, y, right, y, "grid");
    text(left - 6, y + 4, tick_text(value), Anchor::end, "tick");
  }
  if (!name.empty()) text(0, 12, name, Anchor::start, "axis");
}

std::string Svg::to_string() const {
  return text_ + "</svg>\n";
}

std::vector<double> place_labels(const std::vector<Label>& labels, double line_height, double top,
                                 double bottom) {
  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return labels[a].y < labels[b].y; });
  std::vector<double> placed(labels.size());
  std::vector<std::size_t> done;
  for (const std::size_t i : order) {
    const auto is_free = [&](double y) {
      return y >= top && y <= bottom && std::none_of(done.begin(), done.end(), [&](std::size_t other) {
               return labels[i].x < labels[other].x + labels[other].width &&
                      labels[other].x < labels[i].x + labels[i].width &&
                      std::abs(placed[other] - y) < line_height;
             });
    };
    placed[i] = std::clamp(labels[i].y, top, bottom);
    // The nearest free place, in steps of a quarter of a line, below first.
    const double step = line_height / 4;
    for (int n = 0; n <= 80; ++n) {
      const double y = std::clamp(labels[i].y, top, bottom) + step * ((n + 1) / 2) * (n % 2 ? 1 : -1);
      if (!is_free(y)) continue;
      placed[i] = y;
      break;
    }
    done.push_back(i);
  }
  return placed;
}

}  // namespace lowbit::report
