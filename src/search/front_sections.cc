// SPDX-License-Identifier: Apache-2.0
#include "search/front_sections.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "search/dominance.h"

namespace lowbit::detail {
namespace {

constexpr int kLevels = 14;
/// A front that is shown, not one to choose from.
constexpr std::size_t kSectionLabels = 3000;
constexpr double kSectionGap = 0.005;

}  // namespace

FrontPoint front_point(const CostTable& table, const std::vector<int>& choice) {
  FrontPoint point;
  point.predicted = add_up(table, choice);
  std::set<std::string> names;
  for (std::size_t l = 0; l < choice.size(); ++l) {
    const CostTable::Candidate& c = table.layers[l].candidates[static_cast<std::size_t>(choice[l])];
    point.layers.push_back(
        {table.layers[l].name, c.scheme, c.kernel, c.ns, c.bytes, c.layer_sqnr_db, c.network_sqnr_db});
    names.insert(format_scheme(c.scheme));
  }
  point.name = names.size() == 1 ? *names.begin() : "mixed";
  return point;
}

bool same_schemes(const FrontPoint& a, const FrontPoint& b) {
  return std::equal(a.layers.begin(), a.layers.end(), b.layers.begin(), b.layers.end(),
                    [](const LayerChoice& x, const LayerChoice& y) { return x.scheme == y.scheme; });
}

std::vector<FrontPoint> front_sections(const CostTable& table, const ChoiceGoal& goal) {
  const std::optional<Choice> best = choose(table, {}, {.noise = 1}), worst = choose(table, {}, goal);
  if (!best || !worst) return {};
  const double low = std::max(best->sum.noise, 1e-9), high = std::max(worst->sum.noise, low);
  std::vector<std::vector<int>> choices{best->candidates};
  // Of several goals a grain of the others: of equals the better one.
  const ChoiceGoal goals[] = {{1 / worst->sum.ns, 1e-6 / std::max(1.0, double(worst->sum.bytes)), 0, 0},
                              {1e-6 / worst->sum.ns, 1 / std::max(1.0, double(worst->sum.bytes)), 0, 0},
                              goal};
  for (int i = 0; i <= kLevels; ++i) {
    const double noise = low * std::pow(high / low, double(i) / kLevels) * (1 + 1e-9);
    for (const ChoiceGoal& g : goals)
      if (std::optional<Choice> choice = choose(table, {.noise = noise}, g, kSectionLabels, kSectionGap))
        choices.push_back(std::move(choice->candidates));
  }
  std::vector<Criteria> sums;
  for (const std::vector<int>& choice : choices) {
    const CostSum sum = add_up(table, choice);
    sums.push_back({sum.ns, double(sum.bytes), sum.noise});
  }
  std::vector<FrontPoint> front;
  for (const std::size_t i : undominated(sums, 3)) front.push_back(front_point(table, choices[i]));
  return front;
}

}  // namespace lowbit::detail
