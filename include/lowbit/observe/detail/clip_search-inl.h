// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "lowbit/observe/detail/binned_error.h"
#include "lowbit/observe/detail/clip_search.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace clip_search {

// Candidates have numbers: a bin's times 16, and 16ths of the bin.
inline constexpr std::int64_t kBin = 16, kCoarse = 16 * kBin, kEnd = 0xFF00 * kBin;
inline constexpr double kInnermost = 0x1p-20;

inline double value_of(std::int64_t number) {
  const auto bin = static_cast<std::uint32_t>(number / kBin);
  const double begin = bin_begin(bin);
  return begin + static_cast<double>(number % kBin) / kBin * (bin_begin(bin + 1) - begin);
}
inline std::int64_t number_of_bin(double magnitude) {
  return std::int64_t{bin_of(magnitude)} * kBin;
}
inline std::int64_t nearest_number(double magnitude) {
  const double begin = bin_begin(bin_of(magnitude)), end = bin_begin(bin_of(magnitude) + 1);
  return number_of_bin(magnitude) + static_cast<std::int64_t>((magnitude - begin) / (end - begin) * kBin);
}

// Candidates of one side of zero, as magnitudes, from the outermost inwards.
struct Side {
  float seen, limit;

  // Multiples of `step` among the numbers, and `seen` if it lies there.
  std::vector<float> edges(std::int64_t from, std::int64_t to, std::int64_t step) const {
    if (seen == 0) return {0.0f};
    std::vector<float> result;
    const std::int64_t own = nearest_number(double(seen));
    bool missing = own >= from && own <= to;
    const auto add_seen = [&] {
      if (missing) result.push_back(seen);
      missing = false;
    };
    to = std::min({to, kEnd - 1, nearest_number(double(limit))});
    for (std::int64_t n = to / step * step; n >= std::max<std::int64_t>(from, 1); n -= step) {
      const auto edge = static_cast<float>(value_of(n));
      if (edge <= seen) add_seen();
      if (edge != seen) result.push_back(edge);
    }
    add_seen();
    return result;
  }
  std::vector<float> all(std::int64_t step) const {
    return edges(number_of_bin(double(seen) * kInnermost), kEnd, step);
  }
  // `reach` steps to each side.
  std::vector<float> around(float edge, std::int64_t step, std::int64_t reach) const {
    const std::int64_t n = nearest_number(double(edge));
    return edges(n - reach * step, n + reach * step, step);
  }
};

inline std::vector<float> every(std::size_t step, const std::vector<float>& edges) {
  std::vector<float> result;
  for (std::size_t i = 0; i < edges.size(); i += step) result.push_back(edges[i]);
  return result;
}

class Search {
 public:
  explicit Search(const ClipCost& cost) : cost_(cost) {}

  void take(const std::vector<float>& lows, const std::vector<float>& highs) {
    for (const float low : lows) {
      if (hopeless({0.0f - low, highs.front()})) break;
      for (const float high : highs) {
        const Range r{0.0f - low, high};
        if (hopeless(r)) break;
        const double c = low + high > 0 ? cost_.cost(r) : std::numeric_limits<double>::infinity();
        if (c < least_) least_ = c, best_ = r;
      }
    }
  }
  Range best() const { return best_; }

 private:
  // With room for the rounding of sums.
  bool hopeless(Range r) const { return cost_.at_least(r) > least_ * (1 + 1e-9); }

  const ClipCost& cost_;
  double least_ = std::numeric_limits<double>::infinity();
  Range best_{0, 0};
};

}  // namespace clip_search

LOWBIT_INLINE Range search_clip_range(const ClipCost& cost, Range seen, Range limit, bool between_edges) {
  using namespace clip_search;
  const Side low{-seen.min, -limit.min}, high{seen.max, limit.max};
  const bool two = low.seen > 0 && high.seen > 0;
  const std::int64_t step = two ? kCoarse : kBin;
  const auto lows = low.all(step), highs = high.all(step);
  Search search(cost);
  search.take(every(16, lows), every(16, highs));  // for a good bound
  search.take(lows, highs);
  const auto look_around = [&](std::int64_t finer) {
    const Range best = search.best();
    search.take(low.around(-best.min, finer, 16), high.around(best.max, finer, 16));
  };
  if (two) look_around(kBin);
  if (between_edges) look_around(1);
  return search.best();
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
