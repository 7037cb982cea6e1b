// SPDX-License-Identifier: Apache-2.0
// Ternary quantizers: weights become -1, 0 or +1 times a scale.
//
// Twn: with a threshold D, the scale that leaves the least squared error is the mean of the |w| above D, and
// the best D is the one with the largest (sum of the |w| above D)^2 / (how many there are). The paper's rule
// D = 0.7 mean|w| is within 1 % of that for Gaussian weights; `exact` sorts the magnitudes and tries all
// thresholds. Li, Zhang, Liu, "Ternary Weight Networks", 2016.
//
// AbsMean: scale = mean|w|, codes rint(w / scale) clipped to -1..1, so that the threshold is scale / 2. Ma
// et al., "The Era of 1-bit LLMs: All Large Language Models are in 1.58 Bits", 2024 (BitNet b1.58). The scale
// is not the best one for a trained model, but the one that such models are trained with.
//
// Ttq: levels -wn, 0, wp of their own for the two signs: the means of the weights below and above plus and
// minus `threshold` max|w|, which are the levels that training starts from. Zhu, Han, Mao, Dally, "Trained
// Ternary Quantization", 2017.
//
// All skip non-finite values. Means and sums are weighted by importance where that is given; values of no
// importance count as absent, unless all are such.
#pragma once

#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/quant/groups.h"

namespace lowbit {

/// A group without anything but zeros gets scale 1 and threshold 0. Scales below the smallest normal float
/// are raised to it, with a threshold of half of it. `fit` throws Error(shape_mismatch) for importance of
/// another length.
struct Twn {
  Granularity granularity = per_channel();
  bool exact = false;  ///< the best of all thresholds instead of 0.7 mean|w|; that of the group is then the
                       ///< largest magnitude that becomes 0

  static constexpr int code_bits() { return 2; }
  TernaryGroup fit(std::span<const float> values, std::span<const float> importance = {}) const;
};

/// Zeros, small scales and errors as with Twn.
struct AbsMean {
  Granularity granularity = per_channel();

  static constexpr int code_bits() { return 2; }
  TernaryGroup fit(std::span<const float> values, std::span<const float> importance = {}) const;
};

/// The group's scale is 1. The threshold only selects the weights whose means become levels; codes are those
/// of the nearest levels, as in every table. A sign without weights beyond the threshold gets the level of
/// the other one, mirrored; a group of zeros has the levels -1, 0, 1. Levels below the smallest normal float
/// are raised to it. Throws Error(invalid_argument) unless 0 <= threshold < 1, Error(shape_mismatch) for
/// importance of another length.
struct Ttq {
  Granularity granularity = per_channel();  ///< per_channel or per_tensor: groups have no tables of their own
  float threshold = 0.05f;                  ///< in units of max|w|

  static constexpr int code_bits() { return 2; }
  LutGroup fit(std::span<const float> values, std::span<const float> importance = {}) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/ternary-inl.h"
#endif
