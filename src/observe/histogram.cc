#include "lowbit/observe/histogram.h"

#include <algorithm>

#include "observe/binned_error.h"
#include "observe/binned_ranges.h"
#include "observe/clip_search.h"

namespace lowbit {
namespace {

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

}  // namespace

Range Histogram::range(IntRange codes) const {
  const Range full = detail::range_with_zero(seen_);
  if (!detail::worth_clipping(full, codes)) return full;
  return detail::search_clip_range(CellCost(seen_, detail::code_count(codes)), full, full, false);
}

}  // namespace lowbit
