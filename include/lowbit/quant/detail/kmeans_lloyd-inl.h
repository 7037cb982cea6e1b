// SPDX-License-Identifier: Apache-2.0
// Lloyd's alternation, quantiles, and the error of given levels.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/quant/detail/kmeans_1d.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
LOWBIT_INLINE float cluster_mean(const WeightedPoints& points, std::size_t begin, std::size_t end) {
  const double first = points.x[begin];
  double w = 0, wx = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const double v = points.weight(i);
    w += v;
    wx += v * (double(points.x[i]) - first);
  }
  return std::clamp(static_cast<float>(first + wx / w), points.x[begin], points.x[end - 1]);
}

LOWBIT_INLINE double squared_error(const WeightedPoints& points, std::span<const float> levels) {
  LOWBIT_ASSERT(std::is_sorted(levels.begin(), levels.end()));
  if (levels.empty() && !points.x.empty())
    throw_error(ErrorCode::invalid_argument, "there is no level that a value could be nearest to");
  double sum = 0;
  std::size_t q = 0;
  const auto distance = [&](float x, std::size_t level) {
    const double d = double(x) - double(levels[level]);
    return d < 0 ? -d : d;
  };
  for (std::size_t i = 0; i < points.x.size(); ++i) {
    while (q + 1 < levels.size() && distance(points.x[i], q + 1) <= distance(points.x[i], q)) ++q;
    const double d = distance(points.x[i], q);
    sum += points.weight(i) * d * d;
  }
  return sum;
}

namespace lloyd_clusters {

class LloydClusters {
 public:
  LloydClusters(const WeightedPoints& points, std::size_t k, const PointSums& sums)
      : points_(points), sums_(sums), n_(points.x.size()), k_(k) {
    begins_[1] = n_;
    divide();
  }

  const std::array<std::size_t, 257>& run(int max_iterations) {
    for (int i = 0; i < max_iterations && step(); ++i) continue;
    return begins_;
  }

 private:
  struct Split {
    std::size_t at = 0;
    double gain = -1;  // a single point cannot be split
  };

  // The split of the points [i, j) that takes most from their error.
  Split best_split(std::size_t i, std::size_t j) const {
    Split best;
    const double w = sums_.w[j] - sums_.w[i], wx = sums_.wx[j] - sums_.wx[i];
    for (std::size_t s = i + 1; s < j; ++s) {
      // With means a and b, the gain is left * right / w * (a - b)^2.
      const double left = sums_.w[s] - sums_.w[i], both = left * (w - left);
      const double d = (sums_.wx[s] - sums_.wx[i]) * w - wx * left;
      const double gain = both > 0 ? d * d / both : 0;
      best.at = gain > best.gain ? s : best.at;
      best.gain = gain > best.gain ? gain : best.gain;
    }
    if (best.gain > 0) best.gain /= w;
    return best;
  }

  // Splits the clusters that gain most by it, one after another, until there are k.
  void divide() {
    std::array<Split, 256> splits;
    for (std::size_t q = 0; q < count_; ++q) splits[q] = best_split(begins_[q], begins_[q + 1]);
    for (; count_ < k_; ++count_) {
      std::size_t at = 0;
      for (std::size_t q = 1; q < count_; ++q) at = splits[q].gain > splits[at].gain ? q : at;
      LOWBIT_ASSERT(begins_[at] < splits[at].at && splits[at].at < begins_[at + 1]);
      std::copy_backward(&begins_[at + 1], &begins_[count_ + 1], &begins_[count_ + 1] + 1);
      std::copy_backward(&splits[at], &splits[count_], &splits[count_] + 1);
      begins_[at + 1] = splits[at].at;
      splits[at] = best_split(begins_[at], begins_[at + 1]);
      splits[at + 1] = best_split(begins_[at + 1], begins_[at + 2]);
    }
  }

  // Not a number where the weight vanishes beside its neighbours: then no border moves.
  double mean(std::size_t q) const {
    const std::size_t i = begins_[q], j = begins_[q + 1];
    return sums_.centre + (sums_.wx[j] - sums_.wx[i]) / (sums_.w[j] - sums_.w[i]);
  }

  // First point beyond `border`, likely to be close to `guess`.
  std::size_t first_beyond(double border, std::size_t guess) const {
    const float* x = points_.x.data();
    for (int walked = 0; walked < 16; ++walked) {
      if (guess > 0 && double(x[guess - 1]) > border)
        --guess;
      else if (guess < n_ && double(x[guess]) <= border)
        ++guess;
      else
        return guess;
    }
    const auto beyond = [](double value, float point) { return value < double(point); };
    return static_cast<std::size_t>(std::upper_bound(x, x + n_, border, beyond) - x);
  }

  // Every point to the nearest mean. False if that moves none.
  bool step() {
    bool moved = false;
    double last = mean(0);
    for (std::size_t q = 1; q < k_; ++q) {
      const double next = mean(q);
      const std::size_t begin = first_beyond(last + (next - last) / 2, begins_[q]);
      moved |= begin != begins_[q];
      last = next;
      next_[q] = begin;
    }
    if (!moved) return false;
    count_ = 1;  // clusters that have kept a point
    for (std::size_t q = 1; q < k_; ++q)
      if (next_[q] > begins_[count_ - 1] && next_[q] < n_) begins_[count_++] = next_[q];
    begins_[count_] = n_;
    if (count_ < k_) divide();
    return true;
  }

  const WeightedPoints& points_;
  const PointSums& sums_;
  std::size_t n_, k_, count_ = 1;
  std::array<std::size_t, 257> begins_{};  // first point of every cluster, and the number of points
  std::array<std::size_t, 256> next_{};
};

}  // namespace lloyd_clusters

LOWBIT_INLINE std::vector<float> kmeans_lloyd(const WeightedPoints& points, int k, int max_iterations,
                                              KMeansWorkspace& workspace) {
  using namespace lloyd_clusters;
  check_level_count(k);
  const auto count = static_cast<std::size_t>(k);
  if (points.x.size() <= count) return points.x;
  workspace.sums.assign(points);
  LloydClusters clusters(points, count, workspace.sums);
  const auto& begins = clusters.run(max_iterations);
  std::vector<float> levels(count);
  for (std::size_t q = 0; q < count; ++q) levels[q] = cluster_mean(points, begins[q], begins[q + 1]);
  return levels;
}

LOWBIT_INLINE std::vector<float> kmeans_lloyd(const WeightedPoints& points, int k, int max_iterations) {
  KMeansWorkspace workspace;
  return kmeans_lloyd(points, k, max_iterations, workspace);
}

LOWBIT_INLINE std::vector<float> quantile_levels(const WeightedPoints& points, int k) {
  check_level_count(k);
  const auto count = static_cast<std::size_t>(k);
  if (points.x.size() <= count) return points.x;
  double total = 0;
  for (std::size_t i = 0; i < points.x.size(); ++i) total += points.weight(i);
  std::vector<float> levels;
  std::size_t i = 0;
  double before = 0, from = 0;  // weight before point i, and before part q
  for (std::size_t q = 0; q < count; ++q) {
    const double to = q + 1 < count ? total * (double(q + 1) / double(count)) : total;
    const std::size_t first = i;
    double w = 0, wx = 0;
    for (;; ++i) {
      const double after = before + points.weight(i), share = std::min(after, to) - std::max(before, from);
      w += share;
      wx += share * (double(points.x[i]) - double(points.x[first]));
      if (after > to || i + 1 == points.x.size()) break;
      before = after;
    }
    from = to;
    if (!(w > 0)) continue;
    const auto mean = static_cast<float>(double(points.x[first]) + wx / w);
    const float level = std::clamp(mean, points.x[first], points.x[i]);
    if (levels.empty() || level > levels.back()) levels.push_back(level);
  }
  return levels;
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
