// SPDX-License-Identifier: Apache-2.0
// MovingAverageObserver: ranges of batches, averaged with weights that fade into the past, as
// torch.ao.quantization's MovingAverageMinMaxObserver does: min and max of the first batch, then min +=
// constant * (batch's min - min), and likewise max. The batches are replayed in the order of their numbers,
// whatever order they came in.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/batch_ranges.h"

namespace lowbit {

class MovingAverageObserver : public BatchRangeObserver {
 public:
  /// 0.01 is PyTorch's. Throws Error(invalid_argument) unless 0 < constant <= 1.
  explicit MovingAverageObserver(double constant = 0.01);

  /// Throws Error(invalid_argument) for another constant.
  void merge(const MovingAverageObserver& other);
  /// Does not depend on the codes. Computed in doubles; batches with nothing finite do not count.
  Range range(IntRange codes) const;

 private:
  double constant_;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/moving_average-inl.h"
#endif
