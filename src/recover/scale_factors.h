// SPDX-License-Identifier: Apache-2.0
// The factors of groups as those of channels, and how large rows, columns and values of a family of groups
// are under them.
#pragma once

#include <span>
#include <vector>

#include "lowbit/recover/scale_groups.h"

namespace lowbit::detail {

struct Factors {
  const ScaleGroups& groups;
  std::span<const double> factors;

  double of(ValueId value, std::int64_t channel) const {
    const int g = groups.group(value, channel);
    return g < 0 ? 1.0 : factors[static_cast<std::size_t>(g)];
  }
};

/// A channel that is next to nothing would get a factor that floats have no room for.
inline constexpr double kMostFactor = 1e6;

/// Of each group of a family, in its order: the largest magnitude of its rows, of its columns and of its
/// channels, each as a share of the largest of the whole weight or value that it is of; the largest of
/// several. 0: there is none.
struct FamilyRanges {
  std::vector<double> rows, columns, values;
};

/// What the weights and values are under `factors`, which the graph does not have yet. `stats` may be null:
/// values are 0.
FamilyRanges family_ranges(const Graph& graph, const ScaleGroups& groups, const ScaleGroups::Family& family,
                           std::span<const double> factors, const ChannelStats* stats);

/// The logarithm of the largest magnitude of each layer's weights under the factors, summed up: what a scale
/// for a whole weight has to span.
double log_of_ranges(const Graph& graph, const ScaleGroups& groups, std::span<const double> factors);

/// Throws Error(invalid_argument) for statistics of another graph.
void check_stats(const ChannelStats& stats, const Graph& graph);
/// Throws Error(invalid_argument) naming `what` for a quantized model.
void require_fp32_weights(const Model& model, const char* what);

}  // namespace lowbit::detail
