// SPDX-License-Identifier: Apache-2.0
// Points, their sums, and the exact dynamic program.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/group_values.h"
#include "lowbit/quant/detail/kmeans_1d.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace exact_clusters {

inline constexpr std::size_t kRadixFrom = 256;  // keys; counting is faster than comparing from there

inline bool counts(float importance) {
  return importance > 0.0f && finite(importance);
}

// Unsigned integers in the order of the floats.
inline std::uint32_t ordered(float x) {
  const auto u = std::bit_cast<std::uint32_t>(x);
  return u >> 31 != 0 ? ~u : u | 0x80000000u;
}
inline float from_ordered(std::uint32_t u) {
  return std::bit_cast<float>(u >> 31 != 0 ? u & 0x7FFFFFFFu : ~u);
}

// Importance, or nothing if no finite value has any.
inline std::span<const float> usable_importance(std::span<const float> values,
                                                std::span<const float> importance) {
  if (!importance.empty() && importance.size() != values.size())
    throw_error(ErrorCode::shape_mismatch, sentence("{} importances were given for a group of {} values",
                                                    importance.size(), values.size()));
  for (std::size_t i = 0; i < importance.size(); ++i)
    if (counts(importance[i]) && finite(values[i])) return importance;
  return {};
}

// Stable, by the upper 32 bits, a byte at a time.
inline void radix_sort(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& other) {
  std::array<std::array<std::size_t, 256>, 4> starts{};
  for (const std::uint64_t key : keys)
    for (std::size_t digit = 0; digit < 4; ++digit) ++starts[digit][key >> (32 + 8 * digit) & 255];
  other.resize(keys.size());
  for (std::size_t digit = 0; digit < 4; ++digit) {
    auto& start = starts[digit];
    std::size_t sum = 0;
    for (std::size_t& s : start) {
      const std::size_t count = s;
      s = sum;
      sum += count;
    }
    for (const std::uint64_t key : keys) other[start[key >> (32 + 8 * digit) & 255]++] = key;
    keys.swap(other);
  }
}

// The value in the upper half and the index in the lower: equal values stay in their order, so that the sums
// of their weights do not depend on the method of sorting.
inline void sort_keys(std::span<const float> values, std::span<const float> importance,
                      KMeansWorkspace& workspace) {
  auto& keys = workspace.keys;
  keys.resize(values.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!finite(values[i]) || (!importance.empty() && !counts(importance[i]))) continue;
    // The sum makes -0 and 0 the same value.
    keys[n++] = std::uint64_t(ordered(values[i] + 0.0f)) << 32 | i;
  }
  keys.resize(n);
  if (n < kRadixFrom)
    std::sort(keys.begin(), keys.end());
  else
    radix_sort(keys, workspace.sorted_keys);
}

}  // namespace exact_clusters

LOWBIT_INLINE void check_level_count(int k) {
  if (k < 1 || k > 256)
    throw_error(ErrorCode::invalid_argument, sentence("1 to 256 levels can be fitted, not {}", k));
}

LOWBIT_INLINE void sorted_points(std::span<const float> values, std::span<const float> importance,
                                 KMeansWorkspace& workspace, WeightedPoints& points) {
  using namespace exact_clusters;
  importance = usable_importance(values, importance);
  if (values.size() > std::numeric_limits<std::uint32_t>::max())
    throw_error(ErrorCode::unsupported,
                sentence("{} values are too many to sort; they can be binned", values.size()));
  sort_keys(values, importance, workspace);
  const auto& keys = workspace.keys;
  points.x.resize(keys.size());
  points.w.resize(keys.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const double weight = importance.empty() ? 1.0 : importance[keys[i] & 0xFFFFFFFFu];
    if (i > 0 && keys[i] >> 32 == keys[i - 1] >> 32) {
      points.w[n - 1] += weight;
      continue;
    }
    points.x[n] = from_ordered(static_cast<std::uint32_t>(keys[i] >> 32));
    points.w[n++] = weight;
  }
  points.x.resize(n);
  points.w.resize(importance.empty() && n == keys.size() ? 0 : n);
}

LOWBIT_INLINE WeightedPoints sorted_points(std::span<const float> values, std::span<const float> importance) {
  KMeansWorkspace workspace;
  WeightedPoints points;
  sorted_points(values, importance, workspace, points);
  return points;
}

LOWBIT_INLINE WeightedPoints binned_points(std::span<const float> values, std::span<const float> importance,
                                           std::size_t bins) {
  using namespace exact_clusters;
  if (bins == 0) throw_error(ErrorCode::invalid_argument, "values are binned into at least one bin, not 0");
  importance = usable_importance(values, importance);
  const auto weight = [&](std::size_t i) {
    if (!finite(values[i])) return 0.0;
    return importance.empty() ? 1.0 : counts(importance[i]) ? double(importance[i]) : 0.0;
  };
  float lo = std::numeric_limits<float>::infinity(), hi = -lo;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (weight(i) == 0.0) continue;
    lo = std::min(lo, values[i]);
    hi = std::max(hi, values[i]);
  }
  WeightedPoints points;
  if (!(lo <= hi)) return points;
  const double bins_per_unit = hi > lo ? double(bins) / (double(hi) - lo) : 0.0;
  std::vector<double> w(bins), wx(bins);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double v = weight(i);
    if (v == 0.0) continue;
    const double x = double(values[i]) - double(lo);
    const std::size_t bin = std::min(bins - 1, static_cast<std::size_t>(x * bins_per_unit));
    w[bin] += v;
    wx[bin] += v * x;
  }
  for (std::size_t b = 0; b < bins; ++b) {
    if (w[b] == 0.0) continue;
    const float x = std::min(hi, static_cast<float>(wx[b] / w[b] + double(lo))) + 0.0f;
    if (!points.x.empty() && x <= points.x.back()) {  // bins narrower than the distance of floats
      points.w.back() += w[b];
      continue;
    }
    points.x.push_back(x);
    points.w.push_back(w[b]);
  }
  return points;
}

LOWBIT_INLINE void PointSums::assign(const WeightedPoints& points) {
  const std::size_t n = points.x.size(), middle = n / 2;
  w.resize(n + 1);
  wx.resize(n + 1);
  wxx.resize(n + 1);
  centre = n == 0 ? 0.0 : double(points.x[middle]);
  w[middle] = wx[middle] = wxx[middle] = 0.0;
  for (std::size_t i = middle; i < n; ++i) {
    const double v = points.weight(i), x = double(points.x[i]) - centre;
    w[i + 1] = w[i] + v;
    wx[i + 1] = wx[i] + v * x;
    wxx[i + 1] = wxx[i] + v * x * x;
  }
  for (std::size_t i = middle; i-- > 0;) {
    const double v = points.weight(i), x = double(points.x[i]) - centre;
    w[i] = w[i + 1] - v;
    wx[i] = wx[i + 1] - v * x;
    wxx[i] = wxx[i + 1] - v * x * x;
  }
}

namespace exact_clusters {

// D_q[j], the least error of the first j points in q clusters, is the least D_{q-1}[i] + error of the points
// [i, j) as one cluster. The first such i grows with j (searched by divide and conquer) and with q. D_q grows
// with j, so that points beyond which it exceeds the error of some k clusters of all points need no looking
// at.
class ExactClusters {
 public:
  // `enough` is the error that some k clusters are known to reach.
  ExactClusters(std::size_t n, std::size_t k, double enough, KMeansWorkspace& workspace)
      : n_(n),
        k_(k),
        enough_(enough),
        sums_(workspace.sums),
        cost_(workspace.cost),
        next_(workspace.next_cost),
        firsts_(workspace.boundaries) {
    cost_.resize(n + 1);
    next_.resize(n + 1);
    firsts_.resize(k * (n + 1));
  }

  // First point of every cluster, and the number of points.
  std::array<std::size_t, 257> run() {
    std::array<std::size_t, 257> begins{};
    begins[k_] = n_;
    if (k_ == 1) return begins;
    std::fill_n(firsts_.begin(), n_ + 1, 0u);
    for (std::size_t j = 1; j <= n_; ++j) cost_[j] = j == 1 ? 0.0 : error(0, j);
    last_ = n_ - k_ + 1;
    for (layer_ = 2; layer_ < k_; ++layer_) {
      const std::size_t last = last_enough();
      solve(layer_, last, layer_ - 1, last_);
      last_ = last;
      cost_.swap(next_);
    }
    best_first(n_, k_ - 1, last_);
    for (std::size_t q = k_, end = n_; q > 1; --q) begins[q - 1] = end = first(q, end);
    return begins;
  }

 private:
  std::uint32_t& first(std::size_t q, std::size_t j) { return firsts_[(q - 1) * (n_ + 1) + j]; }

  double error(std::size_t i, std::size_t j) const {
    const double w = sums_.w[j] - sums_.w[i], wx = sums_.wx[j] - sums_.wx[i];
    const double e = (sums_.wxx[j] - sums_.wxx[i]) - wx * wx / w;
    return e > 0.0 ? e : 0.0;  // also where w vanishes beside its neighbours
  }

  // Sets D and its first point for j, which is known to be in [lo, hi].
  std::size_t best_first(std::size_t j, std::size_t lo, std::size_t hi) {
    hi = std::min(hi, j - 1);
    lo = std::min(std::max<std::size_t>(lo, first(layer_ - 1, std::min(j, last_))), hi);
    double best = std::numeric_limits<double>::infinity();
    std::size_t at = hi;
    for (std::size_t i = lo; i < std::min(hi + 1, j - 1); ++i) {
      const double candidate = cost_[i] + error(i, j);
      at = candidate < best ? i : at;
      best = candidate < best ? candidate : best;
    }
    // One point has no error at all, which the difference of sums would blur for an outlier.
    if (hi == j - 1 && cost_[hi] < best) best = cost_[hi], at = hi;
    next_[j] = best;
    first(layer_, j) = static_cast<std::uint32_t>(at);
    return at;
  }

  // The last number of points that the present number of clusters may be found to represent. Every cluster
  // has a point, and so have those that come after.
  std::size_t last_enough() {
    std::size_t yes = layer_, no = n_ - (k_ - layer_) + 1;
    while (yes + 1 < no) {
      const std::size_t j = yes + (no - yes) / 2;
      best_first(j, layer_ - 1, last_);
      (next_[j] <= enough_ ? yes : no) = j;
    }
    return yes;
  }

  void solve(std::size_t j_lo, std::size_t j_hi, std::size_t lo, std::size_t hi) {
    while (j_lo <= j_hi) {
      const std::size_t j = j_lo + (j_hi - j_lo) / 2, at = best_first(j, lo, hi);
      if (j > j_lo) solve(j_lo, j - 1, lo, at);
      j_lo = j + 1;
      lo = at;
    }
  }

  std::size_t n_, k_;
  double enough_;
  const PointSums& sums_;
  std::vector<double>& cost_;
  std::vector<double>& next_;
  std::vector<std::uint32_t>& firsts_;
  std::size_t layer_ = 1, last_ = 0;  // the layer being computed, and the last j of that before it
};

}  // namespace exact_clusters

LOWBIT_INLINE std::vector<float> kmeans_exact(const WeightedPoints& points, int k,
                                              KMeansWorkspace& workspace) {
  using namespace exact_clusters;
  check_level_count(k);
  const auto count = static_cast<std::size_t>(k);
  if (points.x.size() <= count) return points.x;
  double enough = squared_error(points, kmeans_lloyd(points, k, 10, workspace));
  const PointSums& sums = workspace.sums;                  // set by the line above
  enough += 1e-12 * (sums.wxx.back() - sums.wxx.front());  // what rounding may do
  const auto begins = ExactClusters(points.x.size(), count, enough, workspace).run();
  std::vector<float> levels(count);
  for (std::size_t q = 0; q < count; ++q) levels[q] = cluster_mean(points, begins[q], begins[q + 1]);
  return levels;
}

LOWBIT_INLINE std::vector<float> kmeans_exact(const WeightedPoints& points, int k) {
  KMeansWorkspace workspace;
  return kmeans_exact(points, k, workspace);
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
