// SPDX-License-Identifier: Apache-2.0
// SqnrObserver: a joint search of scale and zero point for the best signal to quantization noise ratio, as
// AIMET's TF-Enhanced (SqnrEncodingAnalyzer) does it: every pair of some scales and some zero points is
// tried, and noise from clipping counts `gamma` times as much as noise from rounding. The candidates: scales
// 2^(-i / 16) (max - min) / steps for i from 0 to 255, with zero in the range; 33 even zero points, or all if
// there are not more codes, and that of the whole range; the end code alone where values have one sign. The
// noise is the exact sum over the bins, values spread evenly in them.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/binned_observer.h"

namespace lowbit {

class SqnrObserver : public BinnedObserver {
 public:
  /// 3 is AIMET's. Throws Error(invalid_argument) for a gamma that is not positive and finite.
  explicit SqnrObserver(double gamma = 3);

  /// Throws Error(invalid_argument) for another gamma.
  void merge(const SqnrObserver& other);
  /// What the codes span, as [(qmin - zero point) scale, (qmax - zero point) scale]; for asymmetric codes.
  /// Between equal ones the larger scale, then the lower zero point. {min, max} as seen, with zero, for more
  /// than 4096 codes.
  Range range(IntRange codes) const;

 private:
  double gamma_;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/sqnr-inl.h"
#endif
