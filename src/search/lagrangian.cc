// SPDX-License-Identifier: Apache-2.0
#include "search/lagrangian.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lowbit::detail {
namespace {

constexpr double kSlack = 1 + 1e-12;
constexpr int kSteps = 200;

}  // namespace

double weighted_sum(const Criteria& weights, const Criteria& sums) {
  double sum = 0;
  for (std::size_t k = 0; k < kSums; ++k) sum += weights[k] * sums[k];
  return sum;
}

Lagrangian::Lagrangian(const ChoiceProblem& problem, const LabelGoal& goal) : problem_(problem), goal_(goal) {
  fill_suffixes();
  // Multipliers in units of goal a limit; the step falls with the square root of time.
  Criteria best = multipliers_;
  double best_bound = -std::numeric_limits<double>::infinity(), scale = 0;
  std::vector<std::size_t> picks;
  for (int step = 0; step < kSteps; ++step) {
    const Criteria sums = relaxed(picks);
    consider(picks);
    double bound = weighted_sum(goal.weights, sums), length = 0;
    Criteria slope{};
    for (std::size_t k = 0; k < kSums; ++k) {
      if (!std::isfinite(goal.limits[k])) continue;
      bound += multipliers_[k] * (sums[k] - goal.limits[k]);
      slope[k] = goal.limits[k] > 0 ? sums[k] / goal.limits[k] - 1 : 0;
      length += slope[k] * slope[k];
    }
    if (step == 0) scale = std::max(weighted_sum(goal.weights, sums), 1e-300);
    if (bound > best_bound) best_bound = bound, best = multipliers_;
    if (length == 0) break;
    const double rate = 2 * scale / std::sqrt(length * (1 + step));
    for (std::size_t k = 0; k < kSums; ++k)
      if (slope[k] != 0) multipliers_[k] = std::max(0.0, multipliers_[k] + rate * slope[k] / goal.limits[k]);
  }
  multipliers_ = best;
  fill_suffixes();
}

void Lagrangian::fill_suffixes() {
  constant_ = 0;
  for (std::size_t k = 0; k < kSums; ++k)
    if (multipliers_[k] > 0) constant_ += multipliers_[k] * goal_.limits[k];
  const std::size_t layers = problem_.layers();
  suffix_.assign(layers + 1, 0);
  least_.assign(layers + 1, Criteria{});
  for (std::size_t l = layers; l-- > 0;) {
    double least = std::numeric_limits<double>::infinity();
    Criteria sums;
    sums.fill(least);
    for (const ChoiceProblem::Candidate& c : problem_.candidates(l)) {
      least = std::min(least, weighted_sum(goal_.weights, c.sums) + weighted_sum(multipliers_, c.sums));
      for (std::size_t k = 0; k < kSums; ++k) sums[k] = std::min(sums[k], c.sums[k]);
    }
    suffix_[l] = suffix_[l + 1] + least;
    for (std::size_t k = 0; k < kSums; ++k) least_[l][k] = least_[l + 1][k] + sums[k];
  }
}

double Lagrangian::bound(const Criteria& sums, std::size_t layers) const {
  return weighted_sum(goal_.weights, sums) + weighted_sum(multipliers_, sums) - constant_ + suffix_[layers];
}

bool Lagrangian::can_fit(const Criteria& sums, std::size_t layers) const {
  for (std::size_t k = 0; k < kSums; ++k)
    if (sums[k] + least_[layers][k] > goal_.limits[k] * kSlack) return false;
  return true;
}

Criteria Lagrangian::relaxed(std::vector<std::size_t>& picks) const {
  Criteria sums = problem_.rest();
  picks.assign(problem_.layers(), 0);
  for (std::size_t l = 0; l < problem_.layers(); ++l) {
    const auto& list = problem_.candidates(l);
    const auto cost = [&](std::size_t c) {
      return weighted_sum(goal_.weights, list[c].sums) + weighted_sum(multipliers_, list[c].sums);
    };
    for (std::size_t c = 1; c < list.size(); ++c)
      if (cost(c) < cost(picks[l])) picks[l] = c;
    for (std::size_t k = 0; k < kSums; ++k) sums[k] += list[picks[l]].sums[k];
  }
  return sums;
}

void Lagrangian::consider(const std::vector<std::size_t>& picks) {
  Criteria sums = problem_.rest();
  std::vector<int> choice;
  for (std::size_t l = 0; l < picks.size(); ++l) {
    const ChoiceProblem::Candidate& c = problem_.candidates(l)[picks[l]];
    for (std::size_t k = 0; k < kSums; ++k) sums[k] += c.sums[k];
    choice.push_back(c.index);
    sums[kNs] += problem_.settled_ns(l, [&](int layer) {
      const auto at = static_cast<std::size_t>(layer);
      return problem_.candidates(at)[picks[at]].codes;
    });
  }
  for (std::size_t k = 0; k < kSums; ++k)
    if (sums[k] > goal_.limits[k] * kSlack) return;
  const double goal = weighted_sum(goal_.weights, sums);
  if (!incumbent_ || goal < incumbent_->goal) incumbent_ = Incumbent{goal, std::move(choice)};
}

}  // namespace lowbit::detail
