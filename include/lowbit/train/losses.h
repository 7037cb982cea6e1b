// SPDX-License-Identifier: Apache-2.0
// Losses: a number for a batch of outputs, and its gradient. All are means over the samples of the batch;
// sums are in double and in the order of the samples. `gradient` has the shape of `outputs` and is
// overwritten. They throw Error(shape_mismatch) where shapes do not fit.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/core/view.h"

namespace lowbit {

/// -log of the probability that softmax gives to the label, of N x classes. `smoothing` is the part of the
/// target that is spread over all classes (Szegedy et al., CVPR 2016). Throws Error(invalid_argument) naming
/// the first label that is no class, and for a smoothing outside of [0, 1).
double softmax_cross_entropy(const TensorView& outputs, std::span<const std::int64_t> labels,
                             const MutableTensorView& gradient, double smoothing = 0);

/// The mean over samples and elements of (output - target)^2.
double mean_squared_error(const TensorView& outputs, const TensorView& targets,
                          const MutableTensorView& gradient);

/// Knowledge distillation (Hinton, Vinyals, Dean, 2015): temperature^2 times the Kullback-Leibler divergence
/// of softmax(teacher / temperature) from softmax(outputs / temperature), both N x classes. Throws
/// Error(invalid_argument) unless the temperature is positive and finite.
double distillation(const TensorView& outputs, const TensorView& teacher, const MutableTensorView& gradient,
                    double temperature = 1);

}  // namespace lowbit
