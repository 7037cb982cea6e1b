// SPDX-License-Identifier: Apache-2.0
// AciqObserver: the clip that is best for a Gaussian or Laplacian density of the spread that the values have,
// by the closed forms of Banner, Nahshan, Soudry, "Post Training 4-bit Quantization of Convolutional Networks
// for Rapid-Deployment", 2019: [mean - alpha, mean + alpha], where alpha is a multiple (2.559 for 4
// bits, 3.924 for 8) of the standard deviation, or another of the mean absolute deviation, for whichever
// density gives such values the greater likelihood. Values on one side of zero, as after a ReLU, are taken
// for the half of a density around zero, as in the paper: deviations are from zero and without the exact
// zeros, and M bits on one half are M + 1 bits on both. Only moments of the distribution matter, computed
// from the bins.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/binned_observer.h"

namespace lowbit {

class AciqObserver : public BinnedObserver {
 public:
  void merge(const AciqObserver& other) { seen_.merge(other.seen_); }
  /// Lies inside what was seen and zero. For 2 to 8 bits, where as many codes as fit b bits, but not b - 1,
  /// have b; {min, max} as seen for more.
  Range range(IntRange codes) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/aciq-inl.h"
#endif
