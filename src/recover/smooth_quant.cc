// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/smooth_quant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/refuse.h"
#include "recover/scale_factors.h"

namespace lowbit {

std::vector<double> smoothing_factors(const Graph& graph, const ScaleGroups& groups,
                                      const ChannelStats& stats, const SmoothOptions& options) {
  if (!(options.strength >= 0 && options.strength <= 1))
    refuse(fmt::format("the strength of smoothing is 0 to 1, not {}", options.strength));
  detail::check_stats(stats, graph);
  std::vector<double> factors(groups.count(), 1.0);
  for (const ScaleGroups::Family& family : groups.families()) {
    const detail::FamilyRanges ranges = detail::family_ranges(graph, groups, family, factors, &stats);
    for (std::size_t i = 0; i < family.groups.size(); ++i) {
      if (!(ranges.values[i] > 0) || !(ranges.columns[i] > 0)) continue;
      const double factor =
          std::pow(ranges.values[i], options.strength) / std::pow(ranges.columns[i], 1 - options.strength);
      factors[static_cast<std::size_t>(family.groups[i])] =
          std::clamp(factor, 1 / detail::kMostFactor, detail::kMostFactor);
    }
  }
  return factors;
}

Model smooth(const Model& fp32, const ChannelStats& stats, const SmoothOptions& options) {
  detail::require_fp32_weights(fp32, "SmoothQuant");
  const ScaleGroups groups(fp32.graph());
  return rescaled(fp32, groups, smoothing_factors(fp32.graph(), groups, stats, options));
}

}  // namespace lowbit
