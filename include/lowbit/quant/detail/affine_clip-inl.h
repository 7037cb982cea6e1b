// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "lowbit/quant/detail/affine_clip.h"
#include "lowbit/quant/detail/rounding_modes.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace affine_clip {

inline IntRange codes_of(const AffineGroup& g) {
  return {g.qmin, g.qmax};
}

// Weighted squared error of a group when quantized with given parameters. Errors are computed in floats, and
// summed in floats only within short blocks, so that the loops run in vector registers.
class SquaredError {
 public:
  explicit SquaredError(const GroupValues& group) : values_(group.values), weights_(group.weights) {}

  // Some number above `limit` as soon as the error is known to be above it.
  double operator()(const AffineGroup& g, double limit = std::numeric_limits<double>::infinity()) const {
    const CodeMap map({g.scale, g.zero_point}, codes_of(g));
    // In units of the squared scale a sum neither overflows nor vanishes.
    const double unit = double(g.scale) * double(g.scale);
    double total = 0;
    for (std::size_t begin = 0; begin < values_.size() && !(total * unit > limit); begin += kBlock)
      total += block(begin, std::min(kBlock, values_.size() - begin), map, g.offset);
    return total * unit;
  }

  // One step of least squares: the best scale (and for `real` offset) for the codes that `g` assigns.
  AffineGroup refit(AffineGroup g, bool real) const {
    const CodeMap map({g.scale, g.zero_point}, codes_of(g));
    double w = 0, wk = 0, wkk = 0, we = 0, wek = 0;  // sums over codes k and errors e, in units of the scale
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const float x = values_[i] - g.offset;
      const double k = double(map.steps(x)), e = double(x) * double(map.inverse_scale) - k;
      const double weight = weights_.empty() ? 1.0 : double(weights_[i]);
      w += weight;
      wk += weight * k;
      wkk += weight * k * k;
      we += weight * e;
      wek += weight * e * k;
    }
    double slope = 0, shift = 0;
    const double spread = w * wkk - wk * wk;
    if (!real && wkk > 0) slope = wek / wkk;
    if (real && spread > 1e-12 * w * wkk) slope = (w * wek - wk * we) / spread;
    if (real) shift = (we - slope * wk) / w;
    const auto scale = static_cast<float>(double(g.scale) * (1 + slope));
    const auto offset = static_cast<float>(double(g.offset) + shift * double(g.scale));
    if (!std::isnormal(scale) || scale < 0 || !finite(offset)) return g;
    g.scale = scale;
    g.offset = offset;
    return g;
  }

  // What the values at `end`, an end of the range, weigh: at least this much is clipped with it.
  double weight_at(float end) const {
    if (weights_.empty()) return 1.0;
    const auto at = std::find(values_.begin(), values_.end(), end);
    return at == values_.end() ? 0.0 : double(weights_[static_cast<std::size_t>(at - values_.begin())]);
  }

 private:
  static constexpr std::size_t kBlock = 256, kLanes = 16;

  double block(std::size_t begin, std::size_t size, const CodeMap& map, float offset) const {
    std::array<float, kBlock> terms;
    const float* x = values_.data() + begin;
    for (std::size_t i = 0; i < size; ++i) {
      const float v = x[i] - offset;
      const float e = v * map.inverse_scale - map.steps(v);
      terms[i] = e * e;
    }
    if (!weights_.empty())
      for (std::size_t i = 0; i < size; ++i) terms[i] *= weights_[begin + i];
    std::array<float, kLanes> sums{};
    for (std::size_t i = size; i < (size + kLanes - 1) / kLanes * kLanes; ++i) terms[i] = 0.0f;
    for (std::size_t i = 0; i < size; i += kLanes)
      for (std::size_t j = 0; j < kLanes; ++j) sums[j] += terms[i + j];
    double total = 0;
    for (const float s : sums) total += s;
    return total;
  }

  const std::vector<float>& values_;
  const std::vector<float>& weights_;
};

// One end of the range, as it moves from where the values end towards the centre.
struct End {
  double full = 0;     // distance from the centre
  double octaves = 0;  // the distance shrinks by up to this power of two; 0: a fixed end

  double at(double exponent) const { return full * std::exp2(-exponent * octaves); }
};

// Shrinks both ends of the range: a coarse grid over both, then ever smaller steps downhill, then least
// squares. The first candidate is the given one, so that the result is never worse.
class ClipSearch {
 public:
  ClipSearch(const GroupValues& group, const AffineGroup& first, Mapping mapping)
      : error_(group), mapping_(mapping), codes_(codes_of(first)), best_(first), best_error_(error_(first)) {
    set_ends(group);
  }

  AffineGroup run() {
    if (best_error_ == 0.0) return best_;
    if (low_.octaves > 0 || high_.octaves > 0) {
      shrink(false);
      if (mapping_ == Mapping::asymmetric_real) shrink(true);
    }
    polish(best_, best_error_);
    if (mapping_ == Mapping::asymmetric)
      while (move_zero_point()) continue;
    return best_;
  }

 private:
  void set_ends(const GroupValues& group) {
    Range full = finite_range(group.values);
    const float min = full.min, max = full.max;
    if (mapping_ == Mapping::asymmetric_real) {
      // Towards the median, which lies among most of the values whatever outliers there are.
      std::vector<float> sorted = group.values;
      const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
      std::nth_element(sorted.begin(), middle, sorted.end());
      center_ = double(*middle);
    } else {
      full.min = std::min(full.min, 0.0f);
      full.max = std::max(full.max, 0.0f);
    }
    low_.full = center_ - double(full.min);
    high_.full = double(full.max) - center_;
    if (mapping_ == Mapping::symmetric) low_.full = high_.full = std::max(low_.full, high_.full);
    const AffineGroup widest = group_at(0, 0);
    const double error = std::min(error_(widest), best_error_), step = double(widest.scale);
    if (mapping_ == Mapping::symmetric) {
      high_.octaves = useful_octaves(high_.full, error, step, -min > max ? min : max);
    } else {
      low_.octaves = useful_octaves(low_.full, error, step, min);
      high_.octaves = useful_octaves(high_.full, error, step, max);
    }
  }

  // How far it can pay to move an end: no farther than where clipping the outermost value alone costs as much
  // as all values do without clipping. Half a step more, by which an integer zero point may move the levels.
  double useful_octaves(double distance, double error, double step, float outermost) const {
    if (!(distance > 0)) return 0;
    const double weight = error_.weight_at(outermost);
    const double way = weight > 0 ? std::sqrt(error / weight) + step / 2 : distance;
    constexpr double kMost = 12;
    return way < distance ? std::min(kMost, -std::log2(1 - way / distance)) : kMost;
  }

  AffineGroup group_at(double low, double high) const {
    const double up = high_.at(high), down = mapping_ == Mapping::symmetric ? up : low_.at(low);
    return spanning_group(center_ - down, center_ + up, codes_, mapping_);
  }

  // `snap`: with a level at the centre, which pays where most of the values are that one value, or are close
  // to it in comparison with the outliers.
  void shrink(bool snap) {
    const bool both = low_.octaves > 0 && high_.octaves > 0;
    const double octaves = std::max(low_.octaves, high_.octaves);
    const int grid = both ? std::clamp(static_cast<int>(octaves + 1), 5, 12)
                          : std::clamp(static_cast<int>(2 * octaves + 1), 16, 24);
    bool better = !snap;
    for (int i = 0; i <= (low_.octaves > 0 ? grid : 0); ++i)
      for (int j = 0; j <= (high_.octaves > 0 ? grid : 0); ++j)
        better |= take(double(i) / grid, double(j) / grid, snap);
    if (!better) return;
    for (double step = 0.5 / grid; step * octaves > (both ? 0.01 : 0.002); step /= 2)
      while (improve(step, snap)) continue;
  }

  bool improve(double step, bool snap) {
    const double low = at_low_, high = at_high_;
    bool better = false;
    for (const int i : {-1, 0, 1})
      for (const int j : {-1, 0, 1})
        if ((i || j) && (low_.octaves > 0 || !i) && (high_.octaves > 0 || !j))
          better |= take(low + i * step, high + j * step, snap);
    return better;
  }

  bool take(double low, double high, bool snap) {
    if (low < 0 || high < 0 || low > 1 || high > 1) return false;
    AffineGroup g = group_at(low, high);
    if (snap) {
      const double code = std::nearbyint((center_ - double(g.offset)) / double(g.scale));
      g.offset = static_cast<float>(center_ - code * double(g.scale));
    }
    const double e = error_(g, best_error_);
    if (!(e < best_error_)) return false;
    best_ = g, best_error_ = e, at_low_ = low, at_high_ = high;
    return true;
  }

  // Codes for the scale and the scale for the codes, in turn, while that helps.
  void polish(AffineGroup& g, double& error) const {
    bool worth_more = true;
    for (int i = 0; i < 20 && worth_more; ++i) {
      const AffineGroup next = error_.refit(g, mapping_ == Mapping::asymmetric_real);
      const double e = error_(next, error);
      if (!(e < error)) return;
      worth_more = e < error * 0.9999;
      g = next, error = e;
    }
  }

  bool move_zero_point() {
    const AffineGroup from = best_;
    bool better = false;
    for (const int by : {-1, 1}) {
      AffineGroup g = from;
      g.zero_point += by;
      if (g.zero_point < g.qmin || g.zero_point > g.qmax) continue;
      double e = error_(g);
      polish(g, e);
      if (!(e < best_error_)) continue;
      best_ = g, best_error_ = e, better = true;
    }
    return better;
  }

  SquaredError error_;
  Mapping mapping_;
  IntRange codes_;
  double center_ = 0;
  End low_, high_;
  AffineGroup best_;
  double best_error_, at_low_ = 0, at_high_ = 0;
};

}  // namespace affine_clip

LOWBIT_INLINE AffineGroup least_squares_group(const GroupValues& group, const AffineGroup& first,
                                              Mapping mapping) {
  using namespace affine_clip;
  const Range r = finite_range(group.values);
  // Differences from an offset must be floats.
  const bool real = mapping == Mapping::asymmetric_real;
  if (real && double(r.max) - double(r.min) > double(std::numeric_limits<float>::max())) return first;
  return ClipSearch(group, first, mapping).run();
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
