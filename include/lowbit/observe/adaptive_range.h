// SPDX-License-Identifier: Apache-2.0
// AdaptiveRange: a range that follows the batches it sees. The first batch gives it; of every later one, a
// part of the difference is added to its ends, so that old batches fade.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/error.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/sentence.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

class AdaptiveRange {
 public:
  /// `part` that a batch has in the ends. Throws Error(invalid_argument) unless 0 < part <= 1.
  explicit AdaptiveRange(double part = 0.01) : part_(part) {
    if (!(part > 0 && part <= 1))
      detail::throw_error(
          ErrorCode::invalid_argument,
          detail::sentence("the constant of a moving average is above 0 and at most 1, not {}", part));
  }

  /// With the ends of a batch, which are finite. In doubles.
  void update(Range batch) {
    const double part = is_empty_ ? 1 : part_;
    min_ += part * (static_cast<double>(batch.min) - min_);
    max_ += part * (static_cast<double>(batch.max) - max_);
    is_empty_ = false;
  }
  /// Before the first batch {0, 0}.
  Range range() const { return {static_cast<float>(min_), static_cast<float>(max_)}; }
  double part() const { return part_; }

 private:
  double part_, min_ = 0, max_ = 0;
  bool is_empty_ = true;
};

}  // namespace lowbit
LOWBIT_END_EXACT
