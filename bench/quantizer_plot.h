// SPDX-License-Identifier: Apache-2.0
// The plot of docs/quantizers.md: signal-to-noise ratios of weight quantizers over bits per weight, one
// column of panels for each set of weights.
#pragma once

#include <string>
#include <vector>

#include "lowbit/core/scheme.h"

namespace lowbit::bench {

constexpr double kBitDb = 6.0206;  ///< 20 log10(2): what a bit is worth

struct PlottedPoint {
  Scheme scheme;
  std::string name;
  double bits = 0;  ///< per weight, as stored
  double packed_bits =
      0;  ///< without the unused bits of codes and the unused levels of tables: where it is drawn
  double sqnr_db = 0;
};

struct PlottedData {
  std::string name;
  double limit_db = 0;  ///< of 0 bits; each bit adds kBitDb
  std::string limit;    ///< what that is
  std::vector<PlottedPoint> points;
};

/// Writes an SVG file: first what is best at three widths, then all points, then those around 4 bits; who is
/// not beaten in both has its name beside it. Throws std::runtime_error where the file cannot be written.
void write_quantizer_plot(const std::string& path, const std::vector<PlottedData>& data);

}  // namespace lowbit::bench
