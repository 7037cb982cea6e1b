// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/binary.h"
#include "lowbit/quant/detail/group_values.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::binary {

inline constexpr std::size_t kMaxPlanes = 4;
using Scales = std::array<double, kMaxPlanes>;

// Usable as scales of a group: positive normal floats in descending order. The set of sums is symmetric in
// the sign of every scale.
inline void make_usable(Scales& scales, std::size_t planes) {
  for (std::size_t p = 0; p < planes; ++p) {
    double scale = double(detail::normal_scale(std::fabs(scales[p])));
    for (std::size_t q = 0; q < p; ++q)
      if (scales[q] < scale) std::swap(scales[q], scale);
    scales[p] = scale;
  }
}

// Each scale the mean magnitude of what those before it leave; the first `known` ones are given.
inline Scales greedy(const detail::GroupValues& group, std::size_t planes, Scales scales = {},
                     std::size_t known = 0) {
  detail::GroupValues rest = group;
  for (std::size_t p = 0; p < planes; ++p) {
    if (p >= known) scales[p] = detail::mean_magnitude(rest);
    const auto s = static_cast<float>(scales[p]);
    for (float& v : rest.values) v = std::fabs(v) - s;
  }
  make_usable(scales, planes);
  return scales;
}

// Sums with even distances, up to `largest`.
inline Scales even(double largest, std::size_t planes) {
  Scales scales{};
  for (std::size_t p = 0; p < planes; ++p) scales[p] = largest / double((1u << planes) - 1) * double(1u << p);
  make_usable(scales, planes);
  return scales;
}

// One of the sums, and the magnitudes that are nearest to it.
struct Sum {
  double value = 0;                        // not negative: magnitudes need no other
  std::array<double, kMaxPlanes> signs{};  // +1 or -1
  double weight = 0, total = 0;            // over the magnitudes: of weights, and of weight * magnitude
};

class Refinement {
 public:
  Refinement(const detail::GroupValues& group, std::size_t planes)
      : magnitudes_(group), planes_(planes), sums_(std::size_t{1} << (planes - 1)) {}

  /// Turns from one start; keeps the result if it is the best so far.
  void run(Scales scales, int turns) {
    double error = assign(scales);
    for (int i = 0; i < turns; ++i) {
      const Scales next = solve(scales);
      const double next_error = assign(next);
      if (!(next_error < error)) break;
      error = next_error;
      scales = next;
    }
    if (has_best_ && !(error < best_error_)) return;
    has_best_ = true;
    best_error_ = error;
    best_ = scales;
  }
  const Scales& best() const { return best_; }

  /// Sums with even distances: the best of some ranges.
  Scales best_even() {
    const double largest = magnitudes_[magnitudes_.size() - 1];
    Scales best = even(largest, planes_);
    double best_error = assign(best);
    for (int i = 1; i <= 16; ++i) {
      const Scales next = even(largest * std::exp2(-0.25 * i), planes_);
      const double error = assign(next);
      if (!(error < best_error)) continue;
      best_error = error;
      best = next;
    }
    return best;
  }

  /// The optimum of two planes: their sums s_0 + s_1 and s_0 - s_1 are any two levels for the magnitudes, and
  /// of those the best are the means below and above some bound.
  Scales best_pair() const {
    const std::size_t n = magnitudes_.size();
    const double all = magnitudes_.sum(0, n) / magnitudes_.weight(0, n);
    Scales pair{all, 0};
    double best_gain = all * magnitudes_.sum(0, n);
    for (std::size_t i = 1; i < n; ++i) {
      const double low_sum = magnitudes_.sum(0, i), low = low_sum / magnitudes_.weight(0, i);
      const double high_sum = magnitudes_.sum(i, n), high = high_sum / magnitudes_.weight(i, n);
      const double gain = low * low_sum + high * high_sum;
      if (!(gain > best_gain)) continue;
      best_gain = gain;
      pair = {(high + low) / 2, (high - low) / 2};
    }
    return pair;
  }

 private:
  // Distributes the magnitudes; returns the squared error, less a constant.
  double assign(const Scales& scales) {
    for (std::size_t c = 0; c < sums_.size(); ++c) {
      Sum& s = sums_[c];
      s.value = 0;
      for (std::size_t p = 0; p < planes_; ++p) {
        s.signs[p] = p > 0 && (c >> (p - 1) & 1) ? -1.0 : 1.0;
        s.value += s.signs[p] * scales[p];
      }
      if (s.value >= 0) continue;
      s.value = -s.value;
      for (double& sign : s.signs) sign = -sign;
    }
    std::sort(sums_.begin(), sums_.end(), [](const Sum& a, const Sum& b) { return a.value < b.value; });
    double error = 0;
    std::size_t begin = 0;
    for (std::size_t c = 0; c < sums_.size(); ++c) {
      Sum& s = sums_[c];
      const bool last = c + 1 == sums_.size();
      const std::size_t end =
          last ? magnitudes_.size() : magnitudes_.first_above((s.value + sums_[c + 1].value) / 2, begin);
      s.weight = magnitudes_.weight(begin, end);
      s.total = magnitudes_.sum(begin, end);
      error += s.value * (s.value * s.weight - 2 * s.total);
      begin = end;
    }
    return error;
  }

  // The best scales for the signs that assign() found. Solves for the change of the scales; a plane whose
  // signs follow from those of others has a vanishing pivot and keeps its scale, which loses nothing.
  Scales solve(Scales scales) const {
    std::array<std::array<double, kMaxPlanes + 1>, kMaxPlanes> rows{};
    double weight = 0;
    for (const Sum& s : sums_) {
      weight += s.weight;
      for (std::size_t p = 0; p < planes_; ++p) {
        for (std::size_t q = 0; q < planes_; ++q) rows[p][q] += s.weight * s.signs[p] * s.signs[q];
        rows[p][kMaxPlanes] += s.signs[p] * (s.total - s.weight * s.value);
      }
    }
    Scales change{};
    std::array<bool, kMaxPlanes> kept{};
    for (std::size_t p = 0; p < planes_; ++p) {
      kept[p] = !(rows[p][p] > 1e-9 * weight);
      if (kept[p]) continue;
      for (std::size_t q = p + 1; q < planes_; ++q) {
        const double factor = rows[q][p] / rows[p][p];
        for (std::size_t j = p; j <= kMaxPlanes; ++j) rows[q][j] -= factor * rows[p][j];
      }
    }
    for (std::size_t p = planes_; p-- > 0;) {
      if (kept[p]) continue;
      double right = rows[p][kMaxPlanes];
      for (std::size_t q = p + 1; q < planes_; ++q) right -= rows[p][q] * change[q];
      change[p] = right / rows[p][p];
    }
    for (std::size_t p = 0; p < planes_; ++p) scales[p] += change[p];
    make_usable(scales, planes_);
    return scales;
  }

  detail::SortedMagnitudes magnitudes_;
  std::size_t planes_;
  std::vector<Sum> sums_;
  Scales best_{};
  double best_error_ = 0;
  bool has_best_ = false;
};

// Local minima are many where values are few: several starts find better ones, and for two planes the best.
inline Scales refined(const detail::GroupValues& group, std::size_t planes, const Scales& start, int turns) {
  Refinement refinement(group, planes);
  refinement.run(start, turns);
  refinement.run(greedy(group, planes, refinement.best_pair(), 2), turns);
  refinement.run(refinement.best_even(), turns);
  return refinement.best();
}

}  // namespace detail::binary

LOWBIT_INLINE BinaryGroup Binary::fit(std::span<const float> values,
                                      std::span<const float> importance) const {
  using namespace detail::binary;
  if (planes < 1 || planes > static_cast<int>(kMaxPlanes))
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("binary codes have 1 to 4 planes, not {}", planes));
  const detail::GroupValues group = detail::group_values(values, importance);
  const auto count = static_cast<std::size_t>(planes);
  Scales scales = greedy(group, count);
  // One plane is the optimum as it is.
  if (planes > 1 && refinements > 0 && !group.values.empty())
    scales = refined(group, count, scales, refinements);
  BinaryGroup fit{planes, {}};
  for (std::size_t p = 0; p < count; ++p) fit.scales[p] = static_cast<float>(scales[p]);
  return fit;
}

}  // namespace lowbit
LOWBIT_END_EXACT
