// SPDX-License-Identifier: Apache-2.0
// Pruning of whole channels: those go whose loss costs the outputs of the layers that read them least, and
// they are really removed. Rows of what computes a channel, columns of what reads it, and everything between
// (biases, scales, depthwise filters) go with it; channels that are added to each other go together. What is
// left is an ordinary, smaller fp32 model, to be quantized or trained as any other.
//
//   LayerStats stats = capture(fp32, batches);
//   Model smaller = prune_channels(fp32, {.fraction = 0.2, .data = images}, &stats);
//
// With stats a removal is made good: the best linear estimate of what is gone from what is left goes into the
// weights and biases of the readers (He, Zhang, Sun, "Channel Pruning for Accelerating Very Deep Neural
// Networks", ICCV 2017, refit readers likewise), and a channel costs the variance that this leaves in their
// outputs, relative to that of the outputs. With samples layers are then refit in turn. Without stats, it
// costs the squares of its rows and biases times those of the columns that read it, each relative to those of
// an average channel (for rows alone: Li and others, "Pruning Filters for Efficient ConvNets", ICLR 2017).
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
  /// Samples, a batch, or for networks of several inputs or of integers an array an input in the order of the
  /// graph: with them all layers but grouped convolutions are fitted once more, one after the other, so that
  /// each gives what it gave in `fp32` from the inputs that those before it now leave. A fifth is kept aside;
  /// a fit that is no better there is not taken. At most `samples` are used, fewer where what is kept of them
  /// between layers would be more than 1 GiB.
  TensorView data{};
  std::vector<arrays::ArrayView> arrays{};
  std::int64_t samples = 1024;
  int threads = 1;

  bool refits() const { return data.data || !arrays.empty(); }
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
/// network; where a Linear reads an image, the number of channels stays a multiple of four. Samples are those
/// that stats are of, or others, at least 8. Throws Error(invalid_argument) for a quantized model, a fraction
/// that is not from 0 to 1, or the scope of rows, Error(unsupported) for open dimensions, Error(not_found)
/// for stats that lack a layer.
Model prune_channels(const Model& fp32, const PruneChannelsOptions& options = {},
                     const LayerStats* stats = nullptr, std::vector<RemovedChannels>* removed = nullptr);

}  // namespace lowbit
