// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "lowbit/observe/detail/binned_error.h"
#include "lowbit/observe/detail/binned_ranges.h"
#include "lowbit/observe/detail/clip_search.h"
#include "lowbit/observe/histogram.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::histogram {

class CellCost final : public detail::ClipCost {
 public:
  CellCost(const FloatHistogram& seen, std::int64_t cells) : error_(seen), cells_(cells) {}
  double cost(Range clip) const override {
    const double width = (double(clip.max) - double(clip.min)) / static_cast<double>(cells_);
    return error_({double(clip.min) + width / 2, width, cells_});
  }
  double at_least(Range clip) const override {
    return error_.below(double(clip.min)) + error_.above(double(clip.max));
  }

 private:
  detail::BinnedError error_;
  std::int64_t cells_;
};

}  // namespace detail::histogram

LOWBIT_INLINE Range HistogramObserver::range(IntRange codes) const {
  using namespace detail::histogram;
  const Range full = detail::range_with_zero(seen_);
  if (!detail::worth_clipping(full, codes)) return full;
  return detail::search_clip_range(CellCost(seen_, detail::code_count(codes)), full, full, false);
}

}  // namespace lowbit
LOWBIT_END_EXACT
