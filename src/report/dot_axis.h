// SPDX-License-Identifier: Apache-2.0
// DotAxis: rows of a table share one axis, on which each shows its values as dots. HTML, so that it is as
// wide as the page lets it be and its text stays readable.
#pragma once

#include <string>
#include <vector>

namespace lowbit::report {

class DotAxis {
 public:
  /// Over all finite values there are, in steps of `step` or more; 0 to 60 where there are none.
  explicit DotAxis(const std::vector<double>& values, double step = 10);

  struct Dot {
    double value = 0;    ///< NaN is not drawn, what is beyond the ends lies there
    std::string style;   ///< a class of `.dots i` of the page's style
    std::string text{};  ///< inside of it
    std::string tip{};   ///< where a pointer rests
  };
  /// For the cell of a row. Values must stand there as text, too: who listens to the page does not hear dots.
  std::string dots(const std::vector<Dot>& dots) const;
  /// The numbers of the axis, for the head of the column.
  std::string numbers() const;

  double low() const { return low_; }
  double high() const { return high_; }

 private:
  int steps() const;
  double place(double value) const;  ///< in percent of the width
  double low_, high_, step_;
};

}  // namespace lowbit::report
