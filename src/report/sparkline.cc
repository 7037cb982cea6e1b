// SPDX-License-Identifier: Apache-2.0
#include "report/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace lowbit::report {

std::string sparkline(std::span<const double> values) {
  constexpr std::array kBlocks{"\u2581", "\u2582", "\u2583", "\u2584",
                               "\u2585", "\u2586", "\u2587", "\u2588"};
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const double v : values)
    if (std::isfinite(v)) least = std::min(least, v), most = std::max(most, v);
  std::string line;
  for (const double v : values) {
    if (!std::isfinite(v)) {
      line += ' ';
      continue;
    }
    const double height = most > least ? (v - least) / (most - least) : 0;
    line += kBlocks[std::min(static_cast<std::size_t>(height * kBlocks.size()), kBlocks.size() - 1)];
  }
  return line;
}

}  // namespace lowbit::report
