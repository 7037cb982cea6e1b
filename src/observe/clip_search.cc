#include "observe/clip_search.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "observe/binned_error.h"

namespace lowbit::detail {
namespace {

constexpr std::uint32_t kCoarse = 16, kLastFinite = 0xFEFF;
constexpr double kInnermost = 0x1p-20;

// Candidates of one side of zero, as magnitudes, from the outermost inwards.
struct Side {
  float seen, limit;

  // Edges whose bin is a multiple of `step` between the bins, and `seen` if it lies there.
  std::vector<float> edges(std::uint32_t from, std::uint32_t to, std::uint32_t step) const {
    if (seen == 0) return {0.0f};
    std::vector<float> result;
    bool missing = true;
    const auto add_seen = [&] {
      if (missing) result.push_back(seen);
      missing = false;
    };
    const std::uint32_t seen_bin = bin_of(double(seen));
    missing = seen_bin >= from && seen_bin <= to;
    for (std::uint32_t bin = to / step * step; bin >= std::max(from, 1u); bin -= step) {
      const auto edge = static_cast<float>(bin_begin(bin));
      if (edge <= seen) add_seen();
      if (edge <= limit && edge != seen) result.push_back(edge);
      if (bin < step) break;
    }
    add_seen();
    return result;
  }
  std::uint32_t outermost() const { return std::min(bin_of(double(limit)), kLastFinite); }
  std::vector<float> all(std::uint32_t step) const {
    return edges(bin_of(double(seen) * kInnermost), outermost(), step);
  }
  std::vector<float> around(float edge) const {
    const std::uint32_t bin = bin_of(double(edge));
    return edges(bin > kCoarse ? bin - kCoarse : 1, std::min(bin + kCoarse, outermost()), 1);
  }
};

std::vector<float> every(std::size_t step, const std::vector<float>& edges) {
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

}  // namespace

Range search_clip_range(const ClipCost& cost, Range seen, Range limit) {
  const Side low{-seen.min, -limit.min}, high{seen.max, limit.max};
  const bool two = low.seen > 0 && high.seen > 0;
  const std::uint32_t step = two ? kCoarse : 1;
  const auto lows = low.all(step), highs = high.all(step);
  Search search(cost);
  search.take(every(kCoarse, lows), every(kCoarse, highs));  // for a good bound
  search.take(lows, highs);
  if (two) {
    const Range coarse = search.best();
    search.take(low.around(-coarse.min), high.around(coarse.max));
  }
  return search.best();
}

}  // namespace lowbit::detail
