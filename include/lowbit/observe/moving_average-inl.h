// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/observe/moving_average.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE MovingAverageObserver::MovingAverageObserver(double constant) : constant_(constant) {
  if (!(constant > 0 && constant <= 1))
    detail::throw_error(
        ErrorCode::invalid_argument,
        detail::sentence("the constant of a moving average is above 0 and at most 1, not {}", constant));
}

LOWBIT_INLINE void MovingAverageObserver::merge(const MovingAverageObserver& other) {
  if (other.constant_ != constant_)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("moving averages with the constants {} and {} cannot be merged",
                                         constant_, other.constant_));
  merge_batches(other);
}

LOWBIT_INLINE Range MovingAverageObserver::range(IntRange) const {
  double min = 0, max = 0;
  bool first = true;
  for (const Range& r : finite_ranges()) {
    const double constant = first ? 1 : constant_;
    min += constant * (double(r.min) - min);
    max += constant * (double(r.max) - max);
    first = false;
  }
  return {static_cast<float>(min), static_cast<float>(max)};
}

}  // namespace lowbit
LOWBIT_END_EXACT
