// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/observe/moving_average.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE MovingAverageObserver::MovingAverageObserver(double constant) : empty_(constant) {}

LOWBIT_INLINE void MovingAverageObserver::merge(const MovingAverageObserver& other) {
  if (other.empty_.part() != empty_.part())
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("moving averages with the constants {} and {} cannot be merged",
                                         empty_.part(), other.empty_.part()));
  merge_batches(other);
}

LOWBIT_INLINE Range MovingAverageObserver::range(IntRange) const {
  AdaptiveRange range = empty_;
  for (const Range& r : finite_ranges()) range.update(r);
  return range.range();
}

}  // namespace lowbit
LOWBIT_END_EXACT
