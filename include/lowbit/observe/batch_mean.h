// SPDX-License-Identifier: Apache-2.0
// BatchMeanObserver: the mean of the batches' smallest values, and of their largest, as of NNCF's mean_min
// and mean_max statistics. An outlier counts as much as the share of batches that have one.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/batch_ranges.h"

namespace lowbit {

class BatchMeanObserver : public BatchRangeObserver {
 public:
  void merge(const BatchMeanObserver& other) { merge_batches(other); }
  /// Does not depend on the codes. Summed in doubles, in the order of the batches.
  Range range(IntRange codes) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/detail/batch_averages-inl.h"
#endif
