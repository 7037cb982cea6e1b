// SPDX-License-Identifier: Apache-2.0
#include "report/dot_axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "report/html.h"

namespace lowbit::report {
namespace {

constexpr int kMostSteps = 5;

}  // namespace

DotAxis::DotAxis(const std::vector<double>& values, double step) : step_(step) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values)
    if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  if (low > high) low = 0, high = 60;
  while ((high - low) / step_ > kMostSteps - 1) step_ *= 2;
  low_ = std::floor(low / step_) * step_;
  high_ = std::max(std::ceil(high / step_) * step_, low_ + step_);
}

int DotAxis::steps() const {
  return static_cast<int>(std::lround((high_ - low_) / step_));
}

double DotAxis::place(double value) const {
  return (std::clamp(value, low_, high_) - low_) / (high_ - low_) * 100;
}

std::string DotAxis::dots(const std::vector<Dot>& dots) const {
  std::string text = "<span class=\"dots\" aria-hidden=\"true\">";
  for (int i = 1; i < steps(); ++i)
    text += fmt::format("<i class=\"at\" style=\"left:{:.1f}%\"></i>", place(low_ + i * step_));
  for (const Dot& dot : dots)
    if (!std::isnan(dot.value))
      text += fmt::format("<i class=\"{}\" style=\"left:{:.1f}%\"{}>{}</i>", dot.style, place(dot.value),
                          dot.tip.empty() ? "" : fmt::format(" title=\"{}\"", html::escaped(dot.tip)),
                          html::escaped(dot.text));
  return text + "</span>";
}

std::string DotAxis::numbers() const {
  std::string text = "<span class=\"ends\">";
  for (int i = 0; i <= steps(); ++i)
    text +=
        fmt::format("<span style=\"left:{:.1f}%\">{:g}</span>", place(low_ + i * step_), low_ + i * step_);
  return text + "</span>";
}

}  // namespace lowbit::report
