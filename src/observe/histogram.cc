#include "lowbit/observe/histogram.h"

#include <algorithm>

#include "observe/clip_search.h"

namespace lowbit {

Range Histogram::range(IntRange codes) const {
  const Range full{std::min(seen_.min(), 0.0f), std::max(seen_.max(), 0.0f)};
  const std::int64_t steps = std::int64_t{codes.qmax} - codes.qmin;
  if (steps < 1 || steps > 4095 || full.min == full.max) return full;
  const auto bins = seen_.bins();
  return detail::search_clip_range(detail::BinnedError(bins), full, static_cast<int>(steps));
}

}  // namespace lowbit
