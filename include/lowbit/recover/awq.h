// SPDX-License-Identifier: Apache-2.0
// AWQ (Lin, Tang, Tang, Yang, Chen, Wang, Xiao, Gan, Dang, Dai, Han: AWQ: Activation-aware Weight
// Quantization, 2023, arXiv 2306.00978): weights that multiply large channels count most, and lose least
// where their columns are large against the others that share their scale. The columns of channel j are
// multiplied by
//
//   s_j = (E|X_j|)^a,   0 <= a < 1,
//
// and of some exponents a the one is taken whose codes have the least output error. The error is exact:
// second moments of the inputs (capture.h) say it without the inputs (output_error.h).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "lowbit/quant/quantizer.h"
#include "lowbit/recover/layer_stats.h"
#include "lowbit/recover/scale_groups.h"

namespace lowbit {

struct AwqOptions {
  int exponents = 20;  ///< 0, 1 / exponents, 2 / exponents, ...
  int threads = 1;
};

/// What a layer's weights are to be quantized with; nothing: they stay as they are.
using QuantizerOfNode = std::function<std::optional<AnyQuantizer>(const Graph::Node& node)>;

/// One factor for each group. `moments`: a capture of the network with SecondMoments::full; layers without
/// moments or a quantizer do not count. Each family of values is by itself, with the factors of others 1. The
/// exponent 0 is among those that are tried, so that the sum over layers of the share of their outputs that
/// is lost is never larger than without factors. Throws Error(invalid_argument) for statistics or moments of
/// another graph, or no exponent.
std::vector<double> awq_factors(const Graph& graph, const ScaleGroups& groups, const ChannelStats& stats,
                                const LayerStats& moments, const QuantizerOfNode& quantizer,
                                const AwqOptions& options = {});
/// rescaled() by them. Throws Error(invalid_argument) for a quantized model, and as above.
Model awq(const Model& fp32, const ChannelStats& stats, const LayerStats& moments,
          const QuantizerOfNode& quantizer, const AwqOptions& options = {});

}  // namespace lowbit
