// SPDX-License-Identifier: Apache-2.0
// PercentileObserver: the range that holds a given percentage of the values, whatever the others are. With
// two sides half of the rest lies beyond each end (ONNX Runtime's PercentileCalibrater); with one the
// threshold is the percentile of |x| (McKinstry et al., "Discovering Low-Precision Networks Close to
// Full-Precision Networks for Efficient Embedded Inference", 2018; NVIDIA's pytorch-quantization). Quantiles
// are FloatHistogram::quantile, which states how it interpolates.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/binned_observer.h"

namespace lowbit {

class PercentileObserver : public BinnedObserver {
 public:
  /// Throws Error(invalid_argument) unless 0 < percent <= 100.
  explicit PercentileObserver(double percent, RangeSides sides = RangeSides::two);

  /// Throws Error(invalid_argument) for another percentage or other sides.
  void merge(const PercentileObserver& other);
  /// Does not depend on the codes. {min, max} as seen if the percentile is zero, as where nearly all values
  /// are.
  Range range(IntRange codes) const;

 private:
  double percent_;
  RangeSides sides_;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/percentile-inl.h"
#endif
