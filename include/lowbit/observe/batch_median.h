// SPDX-License-Identifier: Apache-2.0
// BatchMedianObserver: the median of the batches' smallest values, and of their largest: what a typical batch
// spans. Outliers do not count as long as less than half of the batches have them.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/batch_ranges.h"

namespace lowbit {

class BatchMedianObserver : public BatchRangeObserver {
 public:
  void merge(const BatchMedianObserver& other) { merge_batches(other); }
  /// Does not depend on the codes. Of an even number, the mean of the middle two.
  Range range(IntRange codes) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/detail/batch_averages-inl.h"
#endif
