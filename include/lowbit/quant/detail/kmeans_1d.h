// SPDX-License-Identifier: Apache-2.0
// Scalar (one-dimensional) clustering: the k levels that represent weighted real numbers with the least
// squared error. In one dimension the clusters are intervals of the sorted numbers, so that the optimum is
// found exactly by dynamic programming (Wang and Song, "Ckmeans.1d.dp: Optimal k-means Clustering in One
// Dimension by Dynamic Programming", The R Journal 2011; the search for the boundaries by divide and conquer
// after Groenlund, Larsen, Mathiasen, Nielsen, Schneider, Song, "Fast Exact k-Means, k-Medians and Bregman
// Divergence Clustering in 1D", 2017), and to a local optimum by the older alternation of means and nearest
// levels (Max, "Quantizing for Minimum Distortion", IRE 1960; Lloyd, "Least Squares Quantization in PCM",
// IEEE 1982), which is faster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"

namespace lowbit::detail {

/// Finite numbers in strictly ascending order, each with a positive weight.
struct WeightedPoints {
  std::vector<float> x;
  std::vector<double> w;  ///< of the size of x, or empty: all 1

  double weight(std::size_t i) const { return w.empty() ? 1.0 : w[i]; }
};

/// Sums of w, w (x - centre) and w (x - centre)^2, so that those of any interval [i, j) of points are the
/// differences of two entries. They start at zero in the middle and grow towards both ends: the sums that are
/// subtracted for an interval then hold no values farther out than its own, and an outlier at one end costs
/// the others no precision.
struct PointSums {
  double centre = 0;
  std::vector<double> w, wx, wxx;  ///< size() + 1 each

  void assign(const WeightedPoints& points);
};

/// Memory that the functions below work in. Handing the same one to many calls saves their allocations, which
/// matters for many small groups; the contents never influence a result.
struct KMeansWorkspace {
  std::vector<std::uint64_t> keys, sorted_keys;
  PointSums sums;
  std::vector<double> cost, next_cost;
  std::vector<std::uint32_t> boundaries;
};

/// The finite ones of `values`, sorted, equal ones as one point with their weights added. `importance` is
/// empty or one weight for each value; values whose importance is not a positive finite number are left out,
/// unless all would be: then importance is disregarded.
WeightedPoints sorted_points(std::span<const float> values, std::span<const float> importance);
void sorted_points(std::span<const float> values, std::span<const float> importance,
                   KMeansWorkspace& workspace, WeightedPoints& points);

/// The same for very many values: at most `bins` points, each the weighted mean of the values in one of
/// `bins` intervals of equal width between the least and the greatest.
WeightedPoints binned_points(std::span<const float> values, std::span<const float> importance,
                             std::size_t bins);

/// k levels (1 to 256) of the least possible squared error, ascending and distinct: the weighted means of
/// their clusters, rounded to float. Points that are not more than k are their own levels; no points have no
/// levels. Takes time O(k n log n) and memory for k n integers of 4 bytes.
std::vector<float> kmeans_exact(const WeightedPoints& points, int k);
std::vector<float> kmeans_exact(const WeightedPoints& points, int k, KMeansWorkspace& workspace);

/// The same by Lloyd's alternation, to a local optimum, or to the last of `max_iterations`. Starts with the
/// clusters that result from splitting, again and again, the cluster that gains most by it; a cluster that
/// loses all its points is replaced in the same way.
std::vector<float> kmeans_lloyd(const WeightedPoints& points, int k, int max_iterations = 100);
std::vector<float> kmeans_lloyd(const WeightedPoints& points, int k, int max_iterations,
                                KMeansWorkspace& workspace);

/// Level q of k (1 to 256) is the weighted mean of the q-th k-th part of the weight, a point at the border of
/// two parts counting in both by its shares. Ascending and distinct, hence fewer than k if one point fills
/// several parts. Points that are not more than k are their own levels, as above.
std::vector<float> quantile_levels(const WeightedPoints& points, int k);

/// Sum of weight times squared distance to the nearest level. `levels` are ascending, not empty unless the
/// points are.
double squared_error(const WeightedPoints& points, std::span<const float> levels);

/// Throws Error unless 1 <= k <= 256.
void check_level_count(int k);

/// Weighted mean of the points [begin, end) as a float, never outside of them.
float cluster_mean(const WeightedPoints& points, std::size_t begin, std::size_t end);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/kmeans_exact-inl.h"
#include "lowbit/quant/detail/kmeans_lloyd-inl.h"
#endif
