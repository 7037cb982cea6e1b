// SPDX-License-Identifier: Apache-2.0
#include "search/chooser.h"

#include <algorithm>
#include <cmath>

namespace lowbit::detail {
namespace {

/// Costs are measured, and not that exactly.
constexpr std::size_t kMostLabels = 20000;
constexpr double kGap = 0.002;

double part_of(double limit) {
  return 1 / std::max(limit, 1e-30);
}

}  // namespace

Chooser::Chooser(const CostTable& table, const LimitTerms& terms, const ChoiceGoal& goal)
    : table_(table), terms_(terms), goal_(goal) {}

ChoiceLimits Chooser::limits(double noise) const {
  ChoiceLimits limits;
  const SearchLimits& asked = terms_.limits;
  double ns = asked.min_speedup ? terms_.fp32_ns / *asked.min_speedup : ChoiceLimits::kFree;
  if (terms_.rest_ns > 0) ns = std::min(ns, terms_.rest_ns);
  limits.ns = ns / ns_;
  if (asked.max_bytes) limits.bytes = static_cast<double>(*asked.max_bytes) - bytes_;
  if (asked.max_memory) limits.memory = static_cast<double>(*asked.max_memory) - memory_;
  if (asked.max_joules) limits.joules = *asked.max_joules / joules_;
  limits.noise = noise;
  return limits;
}

std::optional<Choice> Chooser::within(double noise) const {
  return choose_within(limits(noise), terms_.limits.max_drop ? goal_ : ChoiceGoal{.noise = 1});
}

std::optional<Choice> Chooser::least_error() const {
  return choose_within(limits(ChoiceLimits::kFree), {.noise = 1});
}

std::optional<Choice> Chooser::nearest() const {
  const ChoiceLimits all = limits(ChoiceLimits::kFree);
  const SearchLimits& asked = terms_.limits;
  ChoiceGoal goal;
  if (asked.min_speedup) goal.ns = part_of(all.ns);
  // Memory is weights, more or less.
  if (asked.max_bytes) goal.bytes = part_of(static_cast<double>(*asked.max_bytes));
  if (asked.max_memory) goal.bytes += part_of(static_cast<double>(*asked.max_memory));
  if (asked.max_joules) goal.joules = part_of(all.joules);
  return choose(table_, {}, goal, kMostLabels, kGap);
}

/// Where no choice is as fast as it should be, one that is a little slower, rather than nothing.
std::optional<Choice> Chooser::choose_within(ChoiceLimits limits, const ChoiceGoal& goal) const {
  const double ns = limits.ns;
  if (terms_.limits.min_speedup) {
    limits.ns = ns / kClockMargin;
    if (std::optional<Choice> choice = choose(table_, limits, goal, kMostLabels, kGap)) return choice;
    limits.ns = ns;
  }
  std::optional<Choice> choice = choose(table_, limits, goal, kMostLabels, kGap);
  if (terms_.rest_ns == 0) return choice;
  for (const double factor : {1.03, 1.1, ChoiceLimits::kFree}) {
    if (choice) break;
    limits.ns = ns * factor;
    choice = choose(table_, limits, goal, kMostLabels, kGap);
  }
  return choice;
}

void Chooser::learn(const CostSum& predicted, const NetworkMeasurement& m) {
  // One measurement of a small difference is mostly noise: the mean of all counts.
  if (predicted.ns > 0 && m.ns > 0) {
    ns_logarithms_ += std::log(std::clamp(m.ns / predicted.ns, 0.5, 2.0)), ++ratios_;
    ns_ = std::exp(ns_logarithms_ / ratios_);
  }
  if (predicted.joules > 0 && m.joules > 0) joules_ = std::clamp(m.joules / predicted.joules, 0.5, 2.0);
  bytes_ = static_cast<double>(m.file_bytes) - static_cast<double>(predicted.bytes);
  memory_ = static_cast<double>(m.memory) - static_cast<double>(predicted.memory);
}

}  // namespace lowbit::detail
