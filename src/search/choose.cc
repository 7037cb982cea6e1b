// SPDX-License-Identifier: Apache-2.0
#include "lowbit/search/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "lowbit/core/error.h"
#include "search/choice_problem.h"
#include "search/cost_parts.h"
#include "search/label_search.h"

namespace lowbit {
namespace {

using detail::ChoiceProblem;

Choice make_choice(const CostTable& table, std::vector<int> candidates, bool exact) {
  CostSum sum = add_up(table, candidates);
  return {std::move(candidates), sum, exact};
}

double goal_of(const ChoiceGoal& goal, const CostSum& sum) {
  return goal.ns * sum.ns + goal.bytes * static_cast<double>(sum.bytes) + goal.noise * sum.noise +
         goal.joules * sum.joules;
}

/// The largest workspace decides how much memory is left for bytes: each one that a choice may have is tried.
std::vector<std::size_t> workspaces(const CostTable& table) {
  const std::size_t least = detail::workspace_of(table, table.rest_scheme);
  std::set<std::size_t> sizes{least};
  for (const CostTable::Whole& whole : table.wholes) sizes.insert(std::max(least, whole.workspace_bytes));
  return {sizes.begin(), sizes.end()};
}

bool differ_in_memory(const CostTable& table) {
  bool differ = detail::rest_loaded_bytes(table) != table.rest_bytes;
  for (const CostTable::Layer& layer : table.layers)
    for (const CostTable::Candidate& c : layer.candidates)
      differ = differ || detail::loaded_bytes(c) != c.bytes;
  return differ;
}

}  // namespace

std::optional<Choice> choose(const CostTable& table, const ChoiceLimits& limits, const ChoiceGoal& goal,
                             std::size_t most_labels, double gap) {
  check(table);
  if (!(gap >= 0) || gap >= 1)
    throw Error(ErrorCode::invalid_argument, fmt::format("a gap is a part from 0 to 1, not {}", gap));
  for (const double weight : {goal.ns, goal.bytes, goal.noise, goal.joules})
    if (!(weight >= 0))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("a weight of a goal is 0 or more, not {}", weight));
  std::optional<Choice> best;
  bool exact = true;
  const auto try_with = [&](std::size_t workspace, double bytes, detail::CountedBytes counted) {
    const auto fits = [&](const CostTable::Candidate& c) {
      return detail::workspace_of(table, c.scheme) <= workspace;
    };
    const ChoiceProblem problem(table, fits, counted);
    if (!problem.possible()) return false;
    const detail::LabelGoal labels{{goal.ns, goal.bytes, goal.noise, goal.joules},
                                   {limits.ns, bytes, limits.noise, limits.joules}};
    detail::LabelResult found = detail::best_choice(problem, labels, most_labels, gap);
    exact = exact && found.exact;
    if (found.choices.empty()) return false;
    Choice choice = make_choice(table, std::move(found.choices[0]), true);
    if (static_cast<double>(choice.sum.memory) > limits.memory) return false;
    if (!best || goal_of(goal, choice.sum) < goal_of(goal, best->sum)) best = std::move(choice);
    return true;
  };
  using detail::CountedBytes;
  if (limits.memory == ChoiceLimits::kFree) {
    try_with(SIZE_MAX, limits.bytes, CountedBytes::of_file);
  } else {
    const bool two_sizes = differ_in_memory(table);
    for (const std::size_t workspace : workspaces(table)) {
      const double left = limits.memory - static_cast<double>(workspace);
      if (left < 0) continue;
      // Of two sizes a label can keep one. The file's, where what is best by it fits; else the one in memory,
      // which is the larger, in both limits.
      if (!two_sizes) {
        try_with(workspace, std::min(limits.bytes, left), CountedBytes::of_file);
      } else if (!try_with(workspace, limits.bytes, CountedBytes::of_file)) {
        exact = false;
        try_with(workspace, std::min(limits.bytes, left), CountedBytes::loaded);
      }
    }
  }
  if (best) best->exact = exact;
  return best;
}

std::vector<Choice> pareto_front(const CostTable& table, std::size_t most_labels) {
  check(table);
  const ChoiceProblem problem(table, [](const CostTable::Candidate&) { return true; });
  const detail::LabelResult found = detail::front_of_choices(problem, most_labels);
  std::vector<Choice> front;
  for (const std::vector<int>& candidates : found.choices)
    front.push_back(make_choice(table, candidates, found.exact));
  std::stable_sort(front.begin(), front.end(),
                   [](const Choice& a, const Choice& b) { return a.sum.ns < b.sum.ns; });
  return front;
}

}  // namespace lowbit
