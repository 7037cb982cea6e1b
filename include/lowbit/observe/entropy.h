// SPDX-License-Identifier: Apache-2.0
// EntropyObserver: the threshold on |x| that loses the least information, as TensorRT's calibrator finds it
// (Migacz, "8-bit Inference with TensorRT", GTC 2017). The magnitudes stand in 2048 even bins from 0 to the
// largest. For each i, the first i of them are the distribution P, to whose last bin all that is beyond is
// added; Q is those i bins merged into 128 levels, the mass of each spread evenly over those of its bins that
// are not empty. The i with the least divergence sum(P log(P / Q)) wins. Here the even bins are made of the
// bins of a FloatHistogram, each spread evenly; exact zeros are left out, since zero has a code of its own
// and is not smeared over a level (pytorch-quantization overwrites the first bin to that end); for n codes
// there are (n + 1) / 2 levels: 128 for 8 bits, as signed codes have on each side of zero; and at least half
// of the mass stays inside, or else the first bin that is not empty would be a perfect match where values are
// far from zero.
#pragma once

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/observe/binned_observer.h"

namespace lowbit {

class EntropyObserver : public BinnedObserver {
 public:
  void merge(const EntropyObserver& other) { seen_.merge(other.seen_); }
  /// [-t, t], where t is the upper end of bin i, less what no value reaches on the side of the smaller
  /// magnitudes. Of equal ones the smallest t. {min, max} as seen, with zero, for more than 4096 codes.
  Range range(IntRange codes) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/observe/entropy-inl.h"
#endif
