// SPDX-License-Identifier: Apache-2.0
#include "recover/rewrite_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "lowbit/core/error.h"
#include "lowbit/recover/equalize.h"
#include "lowbit/recover/smooth_quant.h"
#include "recover/awq_search.h"
#include "recover/each_layer.h"
#include "recover/index.h"
#include "recover/scale_factors.h"
#include "recover/twin_norms.h"

namespace lowbit::detail {
namespace {

/// Whether a value is another one, beyond rounding.
bool differs(const ChannelStats::Value& a, const ChannelStats::Value& b) {
  constexpr double kRounding = 1e-4;
  if (a.mean.size() != b.mean.size()) return true;
  for (std::size_t c = 0; c < a.mean.size(); ++c) {
    const double size = std::max(a.size[c], b.size[c]);
    if (std::fabs(a.mean[c] - b.mean[c]) > kRounding * size ||
        std::fabs(a.size[c] - b.size[c]) > kRounding * size)
      return true;
  }
  return false;
}

/// The observer that the table was made with where its name says which, else that of the least and the
/// largest.
AnyObserver observer_of(const CalibrationTable& table) {
  try {
    return make_observer(table.observer);
  } catch (const Error&) {
    return MinMaxObserver{};
  }
}

/// Values that the rewriting has changed are calibrated anew, on the samples that there are; others keep
/// what the table has seen of them. `before`: statistics of the network.
CalibrationTable table_of(const Model& rewritten, const NetworkToRewrite& network,
                          const ChannelStats& before) {
  const ChannelStats after =
      channel_stats(rewritten, network.samples.learned.views(), network.options.threads);
  Calibrator calibrator(
      rewritten,
      {.observer = observer_of(*network.table), .threads = network.options.threads, .kept_bytes = 0});
  network.samples.all.give(calibrator);
  CalibrationTable table = calibrator.finish();
  table.observer = network.table->observer, table.data = network.table->data;
  std::map<std::string, std::size_t> known;
  for (std::size_t v = 0; v < network.table->entries.size(); ++v)
    known.emplace(network.table->entries[v].value, v);
  for (std::size_t v = 0; v < after.values.size(); ++v) {
    const auto at = known.find(table.entries[v].value);
    if (at != known.end() && !differs(before.values[at->second], after.values[v]))
      table.entries[v] = network.table->entries[at->second];
  }
  return table;
}

/// A factor for each group, by the step's choice.
std::vector<double> choose(const Rewriting& rewriting, const NetworkToRewrite& network,
                           const ScaleGroups& groups, const ChannelStats& stats) {
  const Graph& graph = network.fp32.graph();
  if (rewriting.step == RecoveryStep::equalize)
    return equalizing_factors(graph, groups, {.stats = rewriting.by_weights ? nullptr : &stats});
  if (rewriting.step == RecoveryStep::smooth) return smoothing_factors(graph, groups, stats);
  AwqSearch search(graph, groups, stats, network.quantizer, {.threads = network.options.threads});
  each_layer(
      network.fp32, network.samples.learned.views(),
      {.positions = network.options.positions, .sampled_rows = 0, .threads = network.options.threads},
      [&](std::size_t node) { return search.wants(node); },
      [&](std::size_t node, const LayerMoments& moments) { search.see(node, moments); });
  return search.factors();
}

/// Layers whose outputs keep their channels as they are, but for those that the network returns.
std::string what_stays(const Graph& graph, const ScaleGroups& groups) {
  std::size_t count = 0;
  std::string first;
  for (const Graph::Node& node : graph.nodes) {
    const std::string& why = groups.fixed_by(node.output);
    if (!ops::has_weights(node.op) || why.empty() || graph.is_output(node.output)) continue;
    if (count++ == 0) first = fmt::format("'{}': {}", node.name, why);
  }
  return count ? fmt::format("; outputs of {} layers stay, {}", count, first) : "";
}

std::optional<Model> rewritten(const Rewriting& rewriting, const NetworkToRewrite& network,
                               const ChannelStats& stats, std::string& note) {
  if (rewriting.step == RecoveryStep::absorb) {
    AbsorbReport report;
    Model model = absorb_biases(network.fp32, stats, {}, &report);
    note = fmt::format("{} values", report.absorbed.size());
    if (!report.left.empty()) note += fmt::format(", not {}", report.left[0]);
    if (report.left.size() > 1) note += fmt::format(" and {} others", report.left.size() - 1);
    if (report.absorbed.empty()) return std::nullopt;
    return model;
  }
  const ScaleGroups groups(network.fp32.graph());
  const std::vector<double> factors = choose(rewriting, network, groups, stats);
  note = fmt::format("{} factors{}{}", groups.count(), rewriting.by_weights ? ", by weights alone" : "",
                     what_stays(network.fp32.graph(), groups));
  if (std::all_of(factors.begin(), factors.end(), [](double f) { return f == 1.0; })) return std::nullopt;
  return rescaled(network.fp32, groups, factors);
}

}  // namespace

std::optional<RewrittenNetwork> rewrite_network(const Rewriting& rewriting, const NetworkToRewrite& network,
                                                std::string& note) {
  const bool scales = rewriting.step != RecoveryStep::absorb;
  const std::optional<TwinNorms> twins = scales ? std::optional<TwinNorms>(network.fp32) : std::nullopt;
  const NetworkToRewrite split{twins ? twins->model : network.fp32, network.table, network.samples,
                               network.quantizer, network.options};
  const ChannelStats stats = channel_stats(split.fp32, split.samples.learned.views(), split.options.threads);
  std::optional<Model> model = rewritten(rewriting, split, stats, note);
  if (!model) return std::nullopt;
  RewrittenNetwork result{.fp32 = twins ? twins->without_equal(*model) : std::move(*model)};
  if (network.table) result.table = table_of(result.fp32, network, stats);
  result.note = note;
  return result;
}

std::vector<Scheme> schemes_of(const Graph& graph, const Graph& before, const std::vector<Scheme>& schemes) {
  std::map<std::string, Scheme> by_name;
  for (std::size_t i = 0; i < schemes.size(); ++i) by_name.emplace(before.nodes[i].name, schemes[i]);
  std::vector<Scheme> result;
  for (const Graph::Node& node : graph.nodes) {
    auto at = by_name.find(node.name);
    if (at == by_name.end()) at = by_name.find(std::string(name_without_twin(node.name)));
    const int front = at == by_name.end() ? graph.producer(node.inputs[0]) : -1;
    result.push_back(front < 0 ? at->second : result[index(front)]);
  }
  return result;
}

}  // namespace lowbit::detail
