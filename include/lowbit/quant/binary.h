// SPDX-License-Identifier: Apache-2.0
// Binary: weights become sums of one to four terms +s_p or -s_p, one bit each.
//
// One plane: the signs of the weights times their mean magnitude, which is the least squared error that one
// bit allows. Rastegari et al., "XNOR-Net: ImageNet Classification Using Binary Convolutional Neural
// Networks", 2016. More planes: each takes the signs and the mean magnitude of what the planes before it left
// (greedy), then signs and scales are improved in turn: with the signs fixed, the scales solve a
// least-squares system; with the scales fixed, each weight takes the nearest of the 2^planes sums. Guo et
// al., "Network Sketching: Exploiting Binary Structure in Deep CNNs", 2017. The squared error falls in every
// turn, down to a local minimum that is never worse than greedy; of three starts (greedy, the optimum of two
// planes followed by greedy, even distances) the best is kept. For two planes that is the optimum.
//
// Non-finite values are skipped. Means and least squares are weighted by importance where that is given;
// values of no importance count as absent, unless all are such.
#pragma once

#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/quant/groups.h"

namespace lowbit {

/// Scales are positive and in descending order. A scale that would be zero, as all are in a group of zeros,
/// is the smallest normal float, so that the sums stay as good as zero. `fit` throws Error(invalid_argument)
/// unless there are 1 to 4 planes, Error(shape_mismatch) for importance of another length.
struct Binary {
  Granularity granularity = per_channel();  ///< per_channel or per_tensor
  int planes = 1;
  int refinements = 15;  ///< turns at most; 0: greedy

  constexpr int code_bits() const { return planes; }
  BinaryGroup fit(std::span<const float> values, std::span<const float> importance = {}) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/binary-inl.h"
#endif
