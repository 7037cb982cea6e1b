// SPDX-License-Identifier: Apache-2.0
#include "eval/weight_figures.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::eval {
namespace {

constexpr std::size_t kWeightBins = 81;  // odd, so that zero has one of its own
constexpr double kEnd = 1.05;
constexpr std::size_t kMostDrawnLevels = 17;

void count_weight(std::vector<double>& bins, double value) {
  const double at = (value + kEnd) / (2 * kEnd) * static_cast<double>(kWeightBins);
  bins[static_cast<std::size_t>(std::clamp(std::floor(at), 0.0, static_cast<double>(kWeightBins - 1)))] += 1;
}

/// Levels that channels have in common, in the unit of each.
class LevelSet {
 public:
  void add(double value) {
    if (levels_.size() <= kMostDrawnLevels) levels_.insert(std::round(value * 200) / 200);
  }
  std::vector<double> few() const {
    return levels_.size() <= kMostDrawnLevels ? std::vector<double>(levels_.begin(), levels_.end())
                                              : std::vector<double>();
  }

 private:
  std::set<double> levels_;
};

/// How far a weight may lie beyond the lowest and the highest level of a row and be rounded to it, not
/// clipped: half of a step, and a little for the rounding of floats.
std::pair<float, float> end_steps(std::vector<float> levels) {
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (levels.size() < 2) return {0.0f, 0.0f};
  return {(levels[1] - levels[0]) * 0.505f, (levels.back() - levels[levels.size() - 2]) * 0.505f};
}

/// Runs of channels become one each where there are more than can be drawn.
std::vector<report::ChannelRange> thinned(const std::vector<report::ChannelRange>& all) {
  const std::size_t most = report::LayerReport::kMostChannels;
  const std::size_t run = (all.size() + most - 1) / most;
  if (run <= 1) return all;
  std::vector<report::ChannelRange> few;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % run == 0) {
      few.push_back(all[i]);
      continue;
    }
    report::ChannelRange& r = few.back();
    r.fp32_low = std::min(r.fp32_low, all[i].fp32_low), r.fp32_high = std::max(r.fp32_high, all[i].fp32_high);
    r.low = std::min(r.low, all[i].low), r.high = std::max(r.high, all[i].high);
  }
  return few;
}

}  // namespace

WeightFigures weight_figures(const ops::Op& op, const QuantizedMatrix& codes) {
  const Tensor exact = weight_matrix(op);
  const auto rows = static_cast<std::size_t>(codes.rows), cols = static_cast<std::size_t>(codes.cols);
  if (exact.data.size() != rows * cols)
    throw Error(ErrorCode::shape_mismatch, "weights and their codes have different shapes");
  WeightFigures figures;
  report::HistogramFigure& histogram = figures.histogram;
  histogram.low = -kEnd, histogram.high = kEnd;
  histogram.fp32.assign(kWeightBins, 0.0), histogram.quantized.assign(kWeightBins, 0.0);
  std::vector<float> row(cols);
  LevelSet levels;
  std::int64_t clipped = 0;
  double clip_low = 0, clip_high = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    dequantize_row(codes, static_cast<std::int64_t>(r), row);
    const std::span<const float> original = std::span(exact.data).subspan(r * cols, cols);
    const auto [low, high] = std::minmax_element(original.begin(), original.end());
    const auto [least, most] = std::minmax_element(row.begin(), row.end());
    const double unit = std::max(std::abs(*low), std::abs(*high));
    figures.channels.push_back({*low, *high, *least, *most});
    if (unit == 0) continue;
    clip_low = std::min(clip_low, *least / unit), clip_high = std::max(clip_high, *most / unit);
    const auto [below, above] = end_steps(row);
    for (std::size_t c = 0; c < cols; ++c) {
      count_weight(histogram.fp32, original[c] / unit);
      count_weight(histogram.quantized, row[c] / unit);
      levels.add(row[c] / unit);
      clipped += original[c] < *least - below || original[c] > *most + above;
    }
  }
  histogram.clip_low = clip_low, histogram.clip_high = clip_high;
  histogram.clipped = static_cast<double>(clipped) / static_cast<double>(rows * cols);
  histogram.levels = levels.few();
  figures.channels = thinned(figures.channels);
  return figures;
}

}  // namespace lowbit::eval
