// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/equalize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/refuse.h"
#include "recover/channels.h"
#include "recover/scale_factors.h"

namespace lowbit {
namespace {

/// Factors that change by less do not gain a hundredth of a bit.
constexpr double kSettled = 1e-3;

/// Shares of rows (and values) and of columns made equal. Neither becomes larger than 1, so that no weight's
/// range grows. Returns the largest change, as a logarithm.
double equalize_family(const ScaleGroups::Family& family, const detail::FamilyRanges& ranges,
                       std::vector<double>& factors) {
  double most = 0;
  // A weight between two channels of the family is moved by both their factors: half of the way is enough.
  const bool both_ways = std::any_of(family.writers.begin(), family.writers.end(), [&](int node) {
    return std::find(family.readers.begin(), family.readers.end(), node) != family.readers.end();
  });
  const double exponent = both_ways ? 0.25 : 0.5;
  for (std::size_t i = 0; i < family.groups.size(); ++i) {
    const double up = std::max(ranges.rows[i], ranges.values[i]), down = ranges.columns[i];
    if (!(up > 0) || !(down > 0)) continue;
    double& factor = factors[static_cast<std::size_t>(family.groups[i])];
    const double before = factor;
    factor = std::clamp(factor * std::pow(up / down, exponent), 1 / detail::kMostFactor, detail::kMostFactor);
    most = std::max(most, std::fabs(std::log(factor / before)));
  }
  return most;
}

std::vector<std::string> fixed_values(const Graph& graph, const ScaleGroups& groups) {
  std::vector<std::string> fixed;
  for (const Graph::Node& node : graph.nodes) {
    const std::string& why = groups.fixed_by(node.output);
    if (ops::has_weights(node.op) && !why.empty())
      fixed.push_back(fmt::format("'{}': {}", graph.values[static_cast<std::size_t>(node.output)].name, why));
  }
  return fixed;
}

}  // namespace

std::vector<double> equalizing_factors(const Graph& graph, const ScaleGroups& groups,
                                       const EqualizeOptions& options, EqualizeReport* report) {
  if (options.sweeps < 1) refuse(fmt::format("equalization takes at least 1 sweep, not {}", options.sweeps));
  if (options.stats) detail::check_stats(*options.stats, graph);
  std::vector<double> factors(groups.count(), 1.0);
  EqualizeReport said{.groups = groups.count(), .fixed = fixed_values(graph, groups)};
  said.log_ranges_before = detail::log_of_ranges(graph, groups, factors);
  for (double change = 1; change > kSettled && said.sweeps < options.sweeps; ++said.sweeps) {
    change = 0;
    for (const ScaleGroups::Family& family : groups.families())
      change = std::max(
          change, equalize_family(
                      family, detail::family_ranges(graph, groups, family, factors, options.stats), factors));
  }
  said.log_ranges_after = detail::log_of_ranges(graph, groups, factors);
  if (report) *report = std::move(said);
  return factors;
}

Model equalize(const Model& fp32, const EqualizeOptions& options, EqualizeReport* report) {
  detail::require_fp32_weights(fp32, "equalization");
  const ScaleGroups groups(fp32.graph());
  return rescaled(fp32, groups, equalizing_factors(fp32.graph(), groups, options, report));
}

}  // namespace lowbit
