// SPDX-License-Identifier: Apache-2.0
// Batch normalization as it is at inference: a factor and a term for each channel.
#pragma once

#include <span>

#include "lowbit/layers/pointwise.h"

namespace lowbit {

/// Of one length. Where variance + epsilon is not above 0, `bad_channel` is that
/// channel, else -1.
ops::ScaleShiftOp batch_norm(std::span<const double> gamma, std::span<const double> beta,
                             std::span<const double> mean, std::span<const double> variance, double epsilon,
                             std::ptrdiff_t& bad_channel);

}  // namespace lowbit
