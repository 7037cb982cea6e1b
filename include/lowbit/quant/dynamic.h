// SPDX-License-Identifier: Apache-2.0
// Dynamic quantization: scale and zero point of activations, found while the model runs. Of each row by
// itself from its smallest and largest element; or of a stream of batches from a range that follows theirs.
#pragma once

#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"

namespace lowbit {

/// Asymmetric parameters for u8 codes (0..255): what choose_qparams({min, max}, {0, 255}) gives, without ever
/// throwing. min > max or a NaN, which is how an observer says that nothing finite was there, gives scale 1
/// and zero point 0. Allocates nothing; the same bits on every CPU.
QParams dynamic_qparams(float min, float max) noexcept;

/// A range that adapts over batches: the exponential moving average of their ranges (Jacob et al. 2018,
/// section 3.1), as training with quantized activations uses it. Starts at the range of the first batch. What
/// MovingAverageObserver (observe/moving_average.h) finds at the end of a calibration, found as batches come.
class AdaptiveRange {
 public:
  /// `rate` is the weight of the new batch. Throws Error(invalid_argument) unless 0 < rate <= 1.
  explicit AdaptiveRange(float rate = 0.01f);

  /// Moves the range towards that of the finite values of `batch`; a batch without any changes nothing.
  void update(std::span<const float> batch);
  /// As it stands, without zero unless a batch had it; {0, 0} before the first batch. choose_qparams makes
  /// scale and zero point of it.
  Range range() const { return range_; }

 private:
  float rate_;
  bool started_ = false;
  Range range_;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/dynamic-inl.h"
#endif
