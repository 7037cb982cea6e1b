// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/observe/detail/binned_ranges.h"
#include "lowbit/observe/percentile.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE PercentileObserver::PercentileObserver(double percent, RangeSides sides)
    : percent_(percent), sides_(sides) {
  if (!(percent > 0 && percent <= 100))
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a percentile is above 0 and at most 100, not {}", percent));
}

LOWBIT_INLINE void PercentileObserver::merge(const PercentileObserver& other) {
  if (other.percent_ != percent_ || other.sides_ != sides_)
    detail::throw_error(
        ErrorCode::invalid_argument,
        detail::sentence("observers of {} % and {} %, or of one and two sides, cannot be merged", percent_,
                         other.percent_));
  seen_.merge(other.seen_);
}

LOWBIT_INLINE Range PercentileObserver::range(IntRange) const {
  const double inside = percent_ / 100;
  const Range full{seen_.min(), seen_.max()};
  if (sides_ == RangeSides::one) {
    const auto threshold = static_cast<float>(seen_.magnitudes().quantile(inside));
    return threshold > 0 ? detail::range_of_threshold(threshold, detail::range_with_zero(seen_)) : full;
  }
  const Range clip{static_cast<float>(seen_.quantile((1 - inside) / 2)),
                   static_cast<float>(seen_.quantile((1 + inside) / 2))};
  return clip.min == 0 && clip.max == 0 ? full : clip;
}

}  // namespace lowbit
LOWBIT_END_EXACT
