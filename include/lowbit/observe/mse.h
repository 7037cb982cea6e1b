// SPDX-License-Identifier: Apache-2.0
// MseObserver: the range with the least mean squared error, rounding inside and clipping outside, of the very
// codes that choose_qparams makes of it. The error of each pair of bin edges is computed as expected_error
// does, level by level, and the best pair is taken; nothing is assumed about the distribution. The search for
// a clip that minimizes the squared error is Sung, Shin, Hwang, "Resiliency of Deep Neural Networks under
// Quantization", 2015; this is its exact form over a histogram.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/binned_observer.h"

namespace lowbit {

class MseObserver : public BinnedObserver {
 public:
  /// `two`: for asymmetric codes; `one`: for symmetric ones.
  explicit MseObserver(RangeSides sides = RangeSides::two) : sides_(sides) {}

  /// Throws Error(invalid_argument) for other sides.
  void merge(const MseObserver& other);
  /// Contains zero. It may reach one step beyond what was seen where that puts levels on values: zero is a
  /// level, and ends that are whole steps away from it may not be ends of the values. {min, max} as seen,
  /// with zero, for more than 4096 codes, where clipping gains nothing.
  Range range(IntRange codes) const;

 private:
  RangeSides sides_;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/mse-inl.h"
#endif
