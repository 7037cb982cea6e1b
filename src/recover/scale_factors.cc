// SPDX-License-Identifier: Apache-2.0
#include "recover/scale_factors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/refuse.h"
#include "recover/channel_maps.h"
#include "recover/channels.h"

namespace lowbit::detail {
namespace {

/// Calls f(row, input channel, largest magnitude of the taps under the factors).
template <class F>
void for_magnitudes(const Graph& graph, const Graph::Node& node, const Factors& factors, F f) {
  with_weights(graph, node, [&](const auto& op, const WeightLayout& w) {
    for (std::int64_t r = 0; r < w.rows; ++r) {
      const double of_row = factors.of(node.output, r);
      for (std::int64_t c = 0; c < w.columns; ++c) {
        float most = 0;
        for (std::int64_t t = 0; t < w.taps; ++t)
          most = std::max(most, std::fabs(op.weight.data[w.at(r, c) + static_cast<std::size_t>(t)]));
        const std::int64_t channel = w.channel(r, c);
        f(r, channel, static_cast<double>(most) * factors.of(node.inputs[0], channel) / of_row);
      }
    }
  });
}

/// Shares of one weight or value, collected by group and taken over by a family.
class Shares {
 public:
  explicit Shares(std::size_t groups) : of_group_(groups, 0.0) {}

  void add(int group, double magnitude) {
    most_ = std::max(most_, magnitude);
    if (group >= 0) {
      double& known = of_group_[static_cast<std::size_t>(group)];
      known = std::max(known, magnitude);
    }
  }
  void take_into(std::vector<double>& shares, const std::vector<int>& groups) {
    if (most_ > 0)
      for (std::size_t i = 0; i < groups.size(); ++i)
        shares[i] = std::max(shares[i], of_group_[static_cast<std::size_t>(groups[i])] / most_);
    std::fill(of_group_.begin(), of_group_.end(), 0.0);
    most_ = 0;
  }

 private:
  std::vector<double> of_group_;
  double most_ = 0;
};

}  // namespace

FamilyRanges family_ranges(const Graph& graph, const ScaleGroups& groups, const ScaleGroups::Family& family,
                           std::span<const double> factors, const ChannelStats* stats) {
  const std::vector<double> none(family.groups.size(), 0.0);
  FamilyRanges ranges{none, none, none};
  const Factors of{groups, factors};
  Shares shares(groups.count());
  for (const int n : family.writers) {
    const Graph::Node& node = graph.nodes[static_cast<std::size_t>(n)];
    for_magnitudes(graph, node, of, [&](std::int64_t row, std::int64_t, double m) {
      shares.add(groups.group(node.output, row), m);
    });
    shares.take_into(ranges.rows, family.groups);
  }
  for (const int n : family.readers) {
    const Graph::Node& node = graph.nodes[static_cast<std::size_t>(n)];
    for_magnitudes(graph, node, of, [&](std::int64_t, std::int64_t channel, double m) {
      shares.add(groups.group(node.inputs[0], channel), m);
    });
    shares.take_into(ranges.columns, family.groups);
  }
  if (!stats) return ranges;
  for (const ValueId v : family.values) {
    const std::vector<float>& largest = stats->values[static_cast<std::size_t>(v)].largest;
    for (std::size_t c = 0; c < largest.size(); ++c) {
      const auto channel = static_cast<std::int64_t>(c);
      shares.add(groups.group(v, channel), static_cast<double>(largest[c]) / of.of(v, channel));
    }
    shares.take_into(ranges.values, family.groups);
  }
  return ranges;
}

double log_of_ranges(const Graph& graph, const ScaleGroups& groups, std::span<const double> factors) {
  double sum = 0;
  for (const Graph::Node& node : graph.nodes) {
    double most = 0;
    for_magnitudes(graph, node, {groups, factors},
                   [&](std::int64_t, std::int64_t, double m) { most = std::max(most, m); });
    if (most > 0) sum += std::log(most);
  }
  return sum;
}

void check_stats(const ChannelStats& stats, const Graph& graph) {
  if (stats.values.size() != graph.values.size())
    refuse(fmt::format("statistics of {} values were given for a network of {}", stats.values.size(),
                       graph.values.size()));
  const std::vector<ChannelMap> maps = channel_maps(graph);
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    const std::size_t given = stats.values[v].largest.size();
    const auto channels = static_cast<std::size_t>(maps[v].channels);
    if (given != channels)
      refuse(fmt::format("statistics of {} channels were given for value '{}', which has {}", given,
                         graph.values[v].name, channels));
  }
}

void require_fp32_weights(const Model& model, const char* what) {
  if (model.is_quantized())
    refuse(fmt::format("{} needs an fp32 model, not one quantized to {}", what, model.scheme()));
}

}  // namespace lowbit::detail
