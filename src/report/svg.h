// SPDX-License-Identifier: Apache-2.0
// Parts of charts: scales with round ticks, and an SVG that is written element by element. Colours and fonts
// are those of the page (page_style.h), by class.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowbit::report {

/// From values to places.
class Scale {
 public:
  enum class Kind { linear, log };

  /// `low` < `high`, both above 0 where `kind` is log; equal ones are set apart.
  Scale(double low, double high, double from, double to, Kind kind = Kind::linear);
  double operator()(double value) const;  ///< within the ends
  /// At most `most` round values within the ends: 1, 2 or 5 times a power of ten.
  std::vector<double> ticks(int most) const;
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  double low_, high_, from_, to_;
  Kind kind_;
};

/// "0.5", "20", "50 k", "1.5 M".
std::string tick_text(double value);

class Svg {
 public:
  /// `label` is what a reader who does not see it is told.
  Svg(double width, double height, std::string_view label);

  enum class Anchor { start, middle, end };
  void line(double x1, double y1, double x2, double y2, std::string_view style);
  void rect(double x, double y, double width, double height, std::string_view style,
            std::string_view tip = {});
  void circle(double x, double y, double radius, std::string_view style, std::string_view tip = {});
  void diamond(double x, double y, double radius, std::string_view style, std::string_view tip = {});
  void text(double x, double y, std::string_view text, Anchor anchor = Anchor::start,
            std::string_view style = {}, std::string_view tip = {});
  /// Through points; `closed` fills.
  void path(const std::vector<std::pair<double, double>>& points, std::string_view style,
            bool closed = false);
  /// A horizontal axis below `top`..`bottom`: ticks, their numbers, lines through the chart, the name.
  void x_axis(const Scale& scale, double top, double bottom, int ticks, std::string_view name);
  /// A vertical one, `left`..`right`; its name stands above.
  void y_axis(const Scale& scale, double left, double right, int ticks, std::string_view name);

  std::string to_string() const;

 private:
  void tipped(const std::string& open, std::string_view name, std::string_view tip);
  std::string text_;
};

/// Names at points without overlap: for each point (x, y, and the width of its text) the y of its text, moved
/// up or down where another one is in the way, within `top`..`bottom`.
struct Label {
  double x = 0, y = 0, width = 0;
};
std::vector<double> place_labels(const std::vector<Label>& labels, double line_height, double top,
                                 double bottom);

}  // namespace lowbit::report
