// SPDX-License-Identifier: Apache-2.0
// HistogramObserver: the range with the least L2 norm of the error, as torch.ao.quantization's
// HistogramObserver measures it: [min, max] is cut into as many equal cells as there are codes, a value goes
// to the middle of its cell or of the outermost one, and values are spread evenly inside a bin. That norm is
// an approximation in that it knows of no zero point: codes stand for qmin..qmax steps from an exact zero,
// not for middles of cells. MseObserver computes the error of the codes themselves. PyTorch walks inwards
// from both ends and stops at the first pair that is worse; here the best of all pairs of bin edges is found
// (docs/calibration.md says which).
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/binned_observer.h"

namespace lowbit {

class HistogramObserver : public BinnedObserver {
 public:
  void merge(const HistogramObserver& other) { seen_.merge(other.seen_); }
  /// Contains zero and lies inside what was seen and zero. {min, max} as seen, with zero, for more than 4096
  /// codes, where clipping gains nothing.
  Range range(IntRange codes) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/histogram-inl.h"
#endif
