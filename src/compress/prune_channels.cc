// SPDX-License-Identifier: Apache-2.0
#include "lowbit/compress/prune_channels.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "compress/channel_groups.h"
#include "compress/channel_reader.h"
#include "compress/prune_rows.h"
#include "compress/refit_layers.h"
#include "compress/remove_channels.h"
#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "lowbit/model/layer_weights.h"
#include "recover/index.h"

namespace lowbit {
namespace {

using detail::index;

constexpr std::int64_t kRefitPositions = 256;

/// Squares of the row and bias of each output channel, relative to their mean.
std::vector<double> row_norms(const ops::Op& op) {
  const Tensor weights = weight_matrix(op);
  const std::int64_t columns = weights.shape[1];
  std::vector<double> norms(index(weights.shape[0]));
  std::visit(
      [&](const auto& layer) {
        if constexpr (requires { layer.bias; })
          for (std::size_t r = 0; r < layer.bias.size(); ++r)
            norms[r] = static_cast<double>(layer.bias[r]) * static_cast<double>(layer.bias[r]);
      },
      op);
  for (std::size_t i = 0; i < weights.data.size(); ++i)
    norms[i / index(columns)] += static_cast<double>(weights.data[i]) * static_cast<double>(weights.data[i]);
  double sum = 0;
  for (const double norm : norms) sum += norm;
  for (double& norm : norms) norm = sum > 0 ? norm * static_cast<double>(norms.size()) / sum : 0;
  return norms;
}

class ChannelPruner {
 public:
  ChannelPruner(const Model& fp32, const LayerStats* stats)
      : graph_(fp32.graph()), groups_(graph_), gone_(groups_.group_of.size()), costs_(gone_.size()) {
    for (std::size_t v = 0; v < graph_.values.size(); ++v)
      for (std::int64_t c = 0; c < channels(static_cast<ValueId>(v)); ++c)
        ++members_[groups_.group(static_cast<ValueId>(v), c)][static_cast<ValueId>(v)];
    std::vector<double> made(gone_.size());
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Graph::Node& node = graph_.nodes[i];
      if (!ops::has_weights(node.op)) continue;
      const std::vector<double> norms = row_norms(node.op);
      for (std::size_t r = 0; r < norms.size(); ++r)
        made[output_group(node, static_cast<std::int64_t>(r))] += norms[r];
      if (!reads_free_channels(node)) continue;
      const LayerMoments* moments = stats ? &stats->layer(node.name) : nullptr;
      const detail::ChannelReader& reader =
          readers_.try_emplace(i, graph_, node, groups_, moments).first->second;
      const std::vector<double> costs = reader.costs();
      for (std::size_t b = 0; b < costs.size(); ++b) costs_[reader.blocks()[b].group] += costs[b];
    }
    for (std::size_t g = 0; !stats && g < costs_.size(); ++g) costs_[g] *= made[g];
  }

  void choose(const PruneChannelsOptions& options) {
    // Groups that begin in one value are those of its channels and of what is added to them.
    std::map<ValueId, std::vector<std::size_t>> free;
    for (const auto& [group, members] : members_)
      if (groups_.reasons[group].empty())
        free[options.scope == PruneScope::network ? 0 : value_of(group)].push_back(group);
    for (auto& [value, candidates] : free) {
      std::stable_sort(candidates.begin(), candidates.end(),
                       [&](std::size_t a, std::size_t b) { return costs_[a] < costs_[b]; });
      auto left = std::llround(options.fraction * static_cast<double>(candidates.size()));
      for (const std::size_t group : candidates)
        if (left > 0 && may_go(group)) remove(group), --left;
    }
    keep_whole_words();
  }

  Model removed(const Model& fp32, const PruneChannelsOptions& options) const {
    Graph graph = graph_;
    for (const auto& [node, reader] : readers_) reader.make_good(graph.nodes[node].op, gone_);
    if (options.refits() && std::find(gone_.begin(), gone_.end(), true) != gone_.end())
      graph = refit(fp32, std::move(graph), options);
    return Model(detail::remove_channels(std::move(graph), groups_, gone_), fp32.data().source);
  }

  std::vector<RemovedChannels> report() const {
    std::vector<RemovedChannels> lines;
    for (const Graph::Node& node : graph_.nodes) {
      if (!ops::has_weights(node.op)) continue;
      RemovedChannels line{
          node.name, channels(node.output), detail::kept_channels(groups_, graph_, node.output, gone_), {}};
      line.untouched = groups_.reasons[output_group(node, 0)];
      for (std::int64_t c = 0; c < line.channels; ++c)
        if (groups_.reasons[output_group(node, c)].empty()) line.untouched.clear();
      lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  /// Layers that lose nothing, too: what was lost before them changes their inputs.
  Graph refit(const Model& fp32, Graph graph, const PruneChannelsOptions& options) const {
    std::map<std::size_t, std::vector<std::int64_t>> kept;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (!detail::reads_channels(graph.nodes[i].op)) continue;
      const auto reader = readers_.find(i);
      if (reader != readers_.end()) {
        kept[i] = reader->second.kept(gone_);
        continue;
      }
      const Tensor weights = weight_matrix(graph.nodes[i].op);
      for (std::int64_t c = 0; c < weights.shape[1]; ++c) kept[i].push_back(c);
    }
    const RecoverOptions how{.samples = options.samples,
                             .positions = kRefitPositions,
                             .data = options.data,
                             .arrays = options.arrays,
                             .threads = options.threads};
    return detail::refit_layers(fp32, std::move(graph), kept, detail::RecoverySamples(fp32, nullptr, how),
                                options.threads);
  }
  std::int64_t channels(ValueId value) const {
    return detail::channels_along(graph_.values[index(value)].shape, groups_.axis[index(value)]);
  }
  std::size_t output_group(const Graph::Node& node, std::int64_t channel) const {
    return groups_.group(node.output, channel);
  }
  ValueId value_of(std::size_t place) const {
    return static_cast<ValueId>(std::upper_bound(groups_.first.begin(), groups_.first.end(), place) -
                                groups_.first.begin() - 1);
  }
  bool reads_free_channels(const Graph::Node& node) const {
    const ValueId in = node.inputs[0];
    if (!detail::reads_channels(node.op)) return false;
    for (std::int64_t c = 0; c < channels(in); ++c)
      if (groups_.reasons[groups_.group(in, c)].empty()) return true;
    return false;
  }

  bool may_go(std::size_t group) const {
    const auto& members = members_.at(group);
    return std::all_of(members.begin(), members.end(), [&](const auto& member) {
      const auto at = lost_.find(member.first);
      return channels(member.first) - (at == lost_.end() ? 0 : at->second) > member.second;
    });
  }
  void remove(std::size_t group, bool goes = true) {
    gone_[group] = goes;
    for (const auto& [value, count] : members_.at(group)) lost_[value] += goes ? count : -count;
  }

  /// A Linear reads codes of an image where its channels fill words of four (LinearOp::flattens_input): of
  /// the dearest channels some stay where not.
  void keep_whole_words() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const Graph::Node& node : graph_.nodes) {
        const auto* linear = std::get_if<ops::LinearOp>(&node.op);
        const ValueId in = node.inputs.empty() ? -1 : node.inputs[0];
        if (!linear || !linear->flattens_input || linear->weight.shape[1] == channels(in)) continue;
        while (lost_[in] > 0 && (channels(in) - lost_[in]) % 4 != 0) {
          std::optional<std::size_t> dearest;
          for (std::int64_t c = 0; c < channels(in); ++c) {
            const std::size_t group = groups_.group(in, c);
            if (gone_[group] && (!dearest || costs_[group] > costs_[*dearest])) dearest = group;
          }
          remove(*dearest, false);
          changed = true;
        }
      }
    }
  }

  const Graph& graph_;
  detail::ChannelGroups groups_;
  std::vector<bool> gone_;                                            ///< of each place that names a group
  std::vector<double> costs_;                                         ///< the same
  std::map<std::size_t, std::map<ValueId, std::int64_t>> members_{};  ///< channels of each value in a group
  std::map<ValueId, std::int64_t> lost_{};                            ///< channels
  std::map<std::size_t, detail::ChannelReader> readers_{};            ///< by node
};

}  // namespace

Model prune_channels(const Model& fp32, const PruneChannelsOptions& options, const LayerStats* stats,
                     std::vector<RemovedChannels>* removed) {
  if (fp32.is_quantized()) refuse("channels are removed from fp32 models");
  detail::check_share(options.fraction);
  if (options.scope == PruneScope::row)
    refuse("channels compete with those of their layer or of the network, not of a row");
  if (!fp32.graph().open.empty())
    throw Error(ErrorCode::unsupported, "channels of a model with open dimensions are not removed");
  ChannelPruner pruner(fp32, stats);
  pruner.choose(options);
  if (removed) *removed = pruner.report();
  return pruner.removed(fp32, options);
}

}  // namespace lowbit
