// SPDX-License-Identifier: Apache-2.0
// Cross-layer equalization (Nagel, van Baalen, Blankevoort, Welling: Data-Free Quantization Through Weight
// Equalization and Bias Correction, 2019, arXiv 1906.04721): channels of a value are scaled so that the rows
// that compute them and the columns that read them are as large, as shares of their weights. With one scale
// for a whole weight, a channel of small weights then gets as many codes as the others. For two layers whose
// channel i has ranges a_i and b_i, the factor sqrt(a_i / b_i) makes both sqrt(a_i b_i), and the product of
// the layers' ranges as small as it can be. The network computes what it did, up to rounding.
//
// It also has the absorption of high biases, of the same paper, which brings values nearer to zero.
#pragma once

#include <string>
#include <vector>

#include "lowbit/recover/scale_groups.h"

namespace lowbit {

struct EqualizeOptions {
  /// With channel_stats() of the network, a channel's values count beside its rows, whichever is the larger
  /// share: a bias that is large against its row makes values large. Lives for the call; null: weights alone.
  const ChannelStats* stats = nullptr;
  int sweeps = 100;  ///< over all groups, at most; fewer where they no longer change
};

struct EqualizeReport {
  std::size_t groups = 0;  ///< of channels that could be scaled
  int sweeps = 0;
  /// The sum over layers of the logarithms of their largest weights.
  double log_ranges_before = 0, log_ranges_after = 0;
  /// Values that layers compute whose channels stay, at least some of them, and why: "'fc': the network
  /// returns it".
  std::vector<std::string> fixed{};
};

/// One factor for each group. Groups whose rows or columns are all zero keep 1. Throws
/// Error(invalid_argument) for statistics of another graph, or no sweep.
std::vector<double> equalizing_factors(const Graph& graph, const ScaleGroups& groups,
                                       const EqualizeOptions& options = {}, EqualizeReport* report = nullptr);
/// rescaled() by them. Throws Error(invalid_argument) for a quantized model, and as above.
Model equalize(const Model& fp32, const EqualizeOptions& options = {}, EqualizeReport* report = nullptr);

struct AbsorbOptions {
  double deviations = 3;  ///< below the mean, the least value that a channel is taken to have
};

struct AbsorbReport {
  std::vector<std::string> absorbed{};  ///< values
  std::vector<std::string> left{};      ///< that have a bias to give away, and why they keep it
};

/// A channel behind a ReLU that is hardly ever below c = mean - 3 deviations > 0 gets c less from its layer's
/// bias; those that read it get it back in theirs. Exact for values of at least c. Where a reader pads, or
/// lets no constant through, the bias stays. `stats`: channel_stats() of the model. Throws
/// Error(invalid_argument) for a quantized model or statistics of another one.
Model absorb_biases(const Model& fp32, const ChannelStats& stats, const AbsorbOptions& options = {},
                    AbsorbReport* report = nullptr);

}  // namespace lowbit
