// SPDX-License-Identifier: Apache-2.0
// BatchRobustObserver: the mean of the batches' smallest values, and of their largest, without the batches
// that stick out, as NNCF's mean_no_outliers aggregates. A batch sticks out when either of its ends is
// farther from the median of such ends than 3 times 1.4826 times the median of these distances: Hampel's
// identifier, which amounts to three standard deviations where the ends are Gaussian ("The Influence Curve
// and its Role in Robust Estimation", 1974).
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/batch_ranges.h"

namespace lowbit {

class BatchRobustObserver : public BatchRangeObserver {
 public:
  void merge(const BatchRobustObserver& other) { merge_batches(other); }
  /// Does not depend on the codes. The medians if every batch sticks out.
  Range range(IntRange codes) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/detail/batch_averages-inl.h"
#endif
