// SPDX-License-Identifier: Apache-2.0
#include "lowbit/compress/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/refuse.h"
#include "lowbit/model/layer_weights.h"
#include "model/node_schemes.h"
#include "recover/index.h"

namespace lowbit {
namespace {

using detail::index;

/// weight_matrix() of `op` becomes `values`.
void put_matrix(ops::Op& op, const std::vector<float>& values) {
  if (auto* linear = std::get_if<ops::LinearOp>(&op)) {
    linear->weight.data = values;
    return;
  }
  Tensor& w = std::get<ops::Conv2dOp>(op).weight;
  const std::int64_t channels = w.shape[1], taps = w.shape[2] * w.shape[3];
  for (std::int64_t o = 0; o < w.shape[0]; ++o)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t t = 0; t < taps; ++t)
        w.data[index((o * channels + c) * taps + t)] = values[index((o * taps + t) * channels + c)];
}

double sparsity_of(const PruneOptions& options, const std::string& name) {
  double sparsity = options.sparsity;
  for (const auto& [pattern, share] : options.overrides)
    if (glob_match(pattern, name)) sparsity = share;
  return sparsity;
}

}  // namespace

Model prune(const Model& fp32, const PruneOptions& options, const LayerStats* stats) {
  if (fp32.is_quantized()) refuse("pruning works on fp32 models");
  Graph graph = fp32.graph();
  for (const auto& [pattern, share] : options.overrides)
    if (std::none_of(graph.nodes.begin(), graph.nodes.end(),
                     [&, &name_pattern = pattern](const Graph::Node& node) {
                       return ops::has_weights(node.op) && glob_match(name_pattern, node.name);
                     }))
      refuse(fmt::format("no layer to prune matches '{}'", pattern));
  for (Graph::Node& node : graph.nodes) {
    if (!ops::has_weights(node.op)) continue;
    const PrunePattern pattern{sparsity_of(options, node.name), options.keep, options.of};
    if (pattern.sparsity == 0) continue;
    const Tensor weights = weight_matrix(node.op);
    const MatrixView view(weights.data.data(), weights.shape[0], weights.shape[1]);
    put_matrix(node.op,
               stats ? prune_by_error(view, output_errors(stats->layer(node.name)), pattern, options.threads)
                     : prune_by_magnitude(view, pattern));
  }
  return Model(std::move(graph), fp32.data().source);
}

}  // namespace lowbit
