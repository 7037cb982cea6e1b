// SPDX-License-Identifier: Apache-2.0
#include "lowbit/compress/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "compress/prune_rows.h"
#include "compress/put_matrix.h"
#include "core/refuse.h"
#include "lowbit/model/layer_weights.h"
#include "model/node_schemes.h"
#include "recover/index.h"
#include "recover/prune_scores.h"

namespace lowbit {
namespace {

using detail::index;
using detail::put_matrix;

/// A layer with weights to prune.
struct Layer {
  Graph::Node* node;
  Tensor weights;                     ///< its matrix
  std::optional<double> own_share{};  ///< of an override
  std::vector<OutputError> errors{};  ///< where pruning is by error

  MatrixView view() const { return {weights.data.data(), weights.shape[0], weights.shape[1]}; }
};

std::vector<Layer> layers_of(Graph& graph, const PruneOptions& options, const LayerStats* stats) {
  std::vector<Layer> layers;
  std::vector<bool> used(options.overrides.size());
  for (Graph::Node& node : graph.nodes) {
    if (!ops::has_weights(node.op)) continue;
    Layer layer{&node, weight_matrix(node.op)};
    for (std::size_t i = 0; i < options.overrides.size(); ++i)
      if (glob_match(options.overrides[i].first, node.name))
        layer.own_share = options.overrides[i].second, used[i] = true;
    if (layer.own_share.value_or(options.sparsity) == 0) continue;
    if (stats) layer.errors = output_errors(stats->layer(node.name));
    layers.push_back(std::move(layer));
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) refuse(fmt::format("no layer to prune matches '{}'", options.overrides[i].first));
  return layers;
}

/// The error of the layer's outputs that each weight makes alone where it goes, relative to their energy.
std::vector<double> error_scores(const Layer& layer, int threads) {
  const MatrixView w = layer.view();
  const std::vector<float> nothing(layer.weights.data.size());
  double energy = 0;
  for (const double loss : output_losses(w, {nothing.data(), w.rows, w.cols}, layer.errors, threads))
    energy += loss;
  const std::vector<float> importance = input_importance(layer.errors, w.rows);
  std::vector<double> scores(nothing.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double value = layer.weights.data[i];
    scores[i] = energy > 0 ? value * value * importance[i] / energy : 0;
  }
  return scores;
}

/// Which weights go; those that share a ranking are lists of one call.
std::vector<std::vector<bool>> ranked(std::span<const Layer* const> layers, double share, int threads) {
  std::vector<std::vector<double>> scores;
  for (const Layer* layer : layers)
    scores.push_back(layer->errors.empty() ? detail::lamp_scores(layer->weights.data)
                                           : error_scores(*layer, threads));
  return detail::least_scores(scores, share);
}

/// `gone` of the layer become zero; by error, as many of each row.
void prune_ranked(const Layer& layer, const std::vector<bool>& gone, int threads) {
  if (layer.errors.empty()) {
    std::vector<float> values = layer.weights.data;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (gone[i]) values[i] = 0;
    return put_matrix(layer.node->op, values);
  }
  const MatrixView w = layer.view();
  std::vector<std::int64_t> counts(index(w.rows));
  for (std::size_t i = 0; i < gone.size(); ++i) counts[i / index(w.cols)] += gone[i] ? 1 : 0;
  put_matrix(layer.node->op, detail::prune_counts_by_error(w, layer.errors, counts, threads));
}

void prune_by_ranking(std::span<const Layer> layers, const PruneOptions& options) {
  std::vector<const Layer*> together;
  for (const Layer& layer : layers) {
    if (options.scope == PruneScope::network && !layer.own_share) {
      together.push_back(&layer);
      continue;
    }
    const Layer* const alone[] = {&layer};
    prune_ranked(layer, ranked(alone, layer.own_share.value_or(options.sparsity), options.threads)[0],
                 options.threads);
  }
  const auto gone = ranked(together, options.sparsity, options.threads);
  for (std::size_t i = 0; i < together.size(); ++i) prune_ranked(*together[i], gone[i], options.threads);
}

}  // namespace

Model prune(const Model& fp32, const PruneOptions& options, const LayerStats* stats) {
  if (fp32.is_quantized()) refuse("pruning works on fp32 models");
  detail::check_share(options.sparsity);
  for (const auto& [pattern, share] : options.overrides) detail::check_share(share);
  if (options.of > 0 && options.scope != PruneScope::row)
    refuse(
        fmt::format("{} of {} weights stay in each row: the scope has to be rows", options.keep, options.of));
  Graph graph = fp32.graph();
  const std::vector<Layer> layers = layers_of(graph, options, stats);
  if (options.scope != PruneScope::row) {
    prune_by_ranking(layers, options);
  } else {
    for (const Layer& layer : layers) {
      const PrunePattern pattern{layer.own_share.value_or(options.sparsity), options.keep, options.of};
      put_matrix(layer.node->op, stats ? prune_by_error(layer.view(), layer.errors, pattern, options.threads)
                                       : prune_by_magnitude(layer.view(), pattern));
    }
  }
  return Model(std::move(graph), fp32.data().source);
}

std::vector<LayerSparsity> weight_sparsity(const Model& fp32) {
  if (fp32.is_quantized()) refuse("the sparsity of weights is that of an fp32 model");
  std::vector<LayerSparsity> layers;
  for (const Graph::Node& node : fp32.graph().nodes) {
    if (!ops::has_weights(node.op)) continue;
    const Tensor weights = weight_matrix(node.op);
    layers.push_back({node.name, static_cast<std::int64_t>(weights.data.size()),
                      std::count(weights.data.begin(), weights.data.end(), 0.0f)});
  }
  return layers;
}

}  // namespace lowbit
