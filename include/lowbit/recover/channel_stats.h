// SPDX-License-Identifier: Apache-2.0
// ChannelStats: how large each channel of every value of a network is on samples; what equalization
// (equalize.h), SmoothQuant and AWQ choose their factors by, and high biases are found by.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/array.h"
#include "lowbit/core/view.h"
#include "lowbit/model/model.h"

namespace lowbit {

struct ChannelStats {
  /// One number for each channel, over all samples and positions: C of C x H x W, F of T x F and of F, and
  /// what these become where a network only moves them (ScaleGroups::channels). Of integers 0.
  struct Value {
    std::vector<float> largest;               ///< |x|
    std::vector<double> mean, squares, size;  ///< E[x], E[x^2], E|x|
  };
  std::vector<Value> values;  ///< by id
  std::int64_t samples = 0;
};

/// Runs an fp32 model on a batch of samples, one by one: the same result for any number of threads. Numbers
/// that are not finite are left out. Throws Error(invalid_argument) for a quantized model or no samples,
/// Error(shape_mismatch) for samples that do not fit.
ChannelStats channel_stats(const Model& fp32, const TensorView& samples, int threads = 1);
/// The same for networks of several inputs or of integers: an array an input. Throws as run() for those.
ChannelStats channel_stats(const Model& fp32, std::span<const arrays::ArrayView> samples, int threads = 1);

}  // namespace lowbit
