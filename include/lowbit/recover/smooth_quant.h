// SPDX-License-Identifier: Apache-2.0
// SmoothQuant (Xiao, Lin, Seznec, Wu, Demouth, Han: SmoothQuant: Accurate and Efficient Post-Training
// Quantization for Large Language Models, 2022, arXiv 2211.10438): a value of which some channels are much
// larger than others costs all of them codes, while the weights that read it would not mind. The factor
//
//   s_j = max|X_j|^a / max|W_j|^(1 - a)
//
// of channel j moves a part of that from the value X to the columns W_j, all of it for a = 1; one factor for
// all layers that read the value. The inverse is folded into the normalization that computes the value, as in
// the paper, or into the weights of the layer that does.
#pragma once

#include <vector>

#include "lowbit/recover/scale_groups.h"

namespace lowbit {

struct SmoothOptions {
  double strength = 0.5;  ///< a, 0 to 1
};

/// One factor for each group; groups whose channels or columns are all zero keep 1. X_j and W_j count as
/// shares of the largest channel and column; where channels share a factor, the largest of them do. `stats`:
/// channel_stats() of the network. Throws Error(invalid_argument) for statistics of another graph or an
/// impossible strength.
std::vector<double> smoothing_factors(const Graph& graph, const ScaleGroups& groups,
                                      const ChannelStats& stats, const SmoothOptions& options = {});
/// rescaled() by them. Throws Error(invalid_argument) for a quantized model, and as above.
Model smooth(const Model& fp32, const ChannelStats& stats, const SmoothOptions& options = {});

}  // namespace lowbit
