// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/awq.h"

#include <algorithm>

#include "recover/awq_search.h"
#include "recover/scale_factors.h"

namespace lowbit {

std::vector<double> awq_factors(const Graph& graph, const ScaleGroups& groups, const ChannelStats& stats,
                                const LayerStats& moments, const QuantizerOfNode& quantizer,
                                const AwqOptions& options) {
  detail::AwqSearch search(graph, groups, stats, quantizer, options);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const auto found = std::find_if(moments.layers.begin(), moments.layers.end(),
                                    [&](const LayerMoments& m) { return m.layer() == graph.nodes[n].name; });
    if (found == moments.layers.end()) continue;
    search.check(n, *found);
    if (search.wants(n)) search.see(n, *found);
  }
  return search.factors();
}

Model awq(const Model& fp32, const ChannelStats& stats, const LayerStats& moments,
          const QuantizerOfNode& quantizer, const AwqOptions& options) {
  detail::require_fp32_weights(fp32, "AWQ");
  const ScaleGroups groups(fp32.graph());
  return rescaled(fp32, groups, awq_factors(fp32.graph(), groups, stats, moments, quantizer, options));
}

}  // namespace lowbit
