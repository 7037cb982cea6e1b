// SPDX-License-Identifier: Apache-2.0
// LayerStats: looking up, merging, and what is checked of stats wherever they come from.
#include "lowbit/recover/layer_stats.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/refuse.h"
#include "lowbit/core/error.h"
#include "model/calibration_checks.h"
#include "model/shard_checks.h"
#include "recover/layer_moments_state.h"

namespace lowbit {
namespace {

ShardRecord record_of(const LayerStats& stats) {
  return {stats.shard, stats.samples, stats.name};
}

void check_same_stream(const LayerStats& first, const LayerStats& other) {
  const std::string a = name_of(record_of(first)), b = name_of(record_of(other));
  if (first.model != other.model || first.other != other.other)
    refuse(fmt::format("{} is of another model than {}", b, a));
  if (first.data != other.data)
    refuse(fmt::format("{} is of other data ({}) than {} ({})", b, other.data, a, first.data));
  check_same_count(record_of(first), record_of(other));
  const bool same =
      std::equal(first.layers.begin(), first.layers.end(), other.layers.begin(), other.layers.end(),
                 [](const LayerMoments& x, const LayerMoments& y) { return x.state().same_kind(y.state()); });
  if (!same) refuse(fmt::format("{} was captured with other layers or options than {}", b, a));
}

}  // namespace

const LayerMoments& LayerStats::layer(std::string_view wanted) const {
  std::vector<std::string> names;
  for (const LayerMoments& layer : layers) {
    if (layer.layer() == wanted) return layer;
    names.push_back(layer.layer());
  }
  throw Error(ErrorCode::not_found,
              fmt::format("layer '{}' was not captured, only {}", wanted, fmt::join(names, ", ")));
}

std::size_t LayerStats::bytes() const {
  std::size_t bytes = 0;
  for (const LayerMoments& layer : layers) bytes += layer.bytes();
  return bytes;
}

namespace detail {

void check_captured(const LayerStats& stats) {
  if (stats.samples == 0) refuse("a capture needs at least one sample, it got none");
  for (const LayerMoments& layer : stats.layers)
    if (layer.rows() == 0 || layer.positions() == 0)
      refuse(fmt::format("layer '{}' had no {} of finite numbers in {} sample{}", layer.layer(),
                         layer.rows() == 0 ? "input" : "output", stats.samples,
                         stats.samples == 1 ? "" : "s"));
}

LayerStats deep_copy(const LayerStats& stats) {
  LayerStats copy = stats;
  copy.layers.clear();
  for (const LayerMoments& layer : stats.layers)
    copy.layers.emplace_back(std::make_shared<LayerMoments::State>(layer.state()));
  return copy;
}

}  // namespace detail

LayerStats merge_layer_stats(std::vector<LayerStats> shards) {
  if (shards.empty()) refuse("there is no part of a capture to merge");
  for (const LayerStats& shard : shards) {
    check_shard(shard.shard);
    check_same_stream(shards[0], shard);
  }
  std::stable_sort(shards.begin(), shards.end(),
                   [](const LayerStats& a, const LayerStats& b) { return a.shard.index < b.shard.index; });
  std::vector<ShardRecord> records;
  for (const LayerStats& shard : shards) records.push_back(record_of(shard));
  check_shards(records, "captured");
  LayerStats merged = detail::deep_copy(shards[0]);
  merged.shard = {};
  merged.name.clear();
  for (std::size_t i = 1; i < shards.size(); ++i) {
    merged.samples += shards[i].samples;
    if (merged.samples > detail::ExactSums::kMostAdditions)
      refuse(fmt::format("the parts have more than {} samples together", detail::ExactSums::kMostAdditions));
    for (std::size_t l = 0; l < merged.layers.size(); ++l)
      merged.layers[l].state().merge(shards[i].layers[l].state());
  }
  detail::check_captured(merged);
  return merged;
}

}  // namespace lowbit
