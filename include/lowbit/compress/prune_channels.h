// SPDX-License-Identifier: Apache-2.0
// Pruning of whole channels: those go whose loss costs the outputs of the layers that read them least, and
// they are really removed. Rows of what computes a channel, columns of what reads it, and everything between
// (biases, scales, depthwise filters) go with it; channels that are added to each other go together. What is
// left is an ordinary, smaller fp32 model, to be quantized or trained as any other.
//
//   LayerStats stats = capture(fp32, batches);
//   Model smaller = prune_channels(fp32, {.fraction = 0.2}, &stats);
//
// With stats a removal is made good: the best linear estimate of what is gone from what is left goes into the
// weights and biases of the readers (He, Zhang, Sun, "Channel Pruning for Accelerating Very Deep Neural
// Networks", ICCV 2017, refit readers likewise), and a channel costs the variance that this leaves in their
// outputs, relative to that of the outputs. Without, it costs the squares of its rows and biases times those
// of the columns that read it, each relative to those of an average channel (for rows alone: Li and others,
// "Pruning Filters for Efficient ConvNets", ICLR 2017).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lowbit/compress/prune.h"
#include "lowbit/model/model.h"
#include "lowbit/recover/layer_stats.h"

namespace lowbit {

struct PruneChannelsOptions {
  /// Part of the channels that can be removed, those of a sum counting once; rounded to the nearest number.
  /// Of each value at least one channel stays.
  double fraction = 0.1;
  /// layer: of the channels of each value (or of those that are added to it) that part; network: all compete.
  PruneScope scope = PruneScope::network;
};

/// What became of the output channels of a Conv2d or Linear.
struct RemovedChannels {
  std::string layer;
  std::int64_t channels = 0;         ///< before
  std::vector<std::int64_t> kept{};  ///< ascending
  std::string untouched{};           ///< why all have to stay; empty: they need not
};

/// Of an fp32 model. `stats`: capture() of it, full second moments. `removed` gets a line for each Conv2d and
/// Linear. Channels that a set of channels of other sizes depends on stay where that is not followed (grouped
/// convolutions, normalization across channels, attention, arrays), and so do the inputs and outputs of the
/// network; where a Linear reads an image, the number of channels stays a multiple of four. Throws
/// Error(invalid_argument) for a quantized model, a fraction that is not from 0 to 1, or the scope of rows,
/// Error(unsupported) for open dimensions, Error(not_found) for stats that lack a layer.
Model prune_channels(const Model& fp32, const PruneChannelsOptions& options = {},
                     const LayerStats* stats = nullptr, std::vector<RemovedChannels>* removed = nullptr);

}  // namespace lowbit
