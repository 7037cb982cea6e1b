// SPDX-License-Identifier: Apache-2.0
#include "search/label_search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "search/lagrangian.h"

namespace lowbit::detail {
namespace {

constexpr double kRounding = 1e-12;

/// A choice for the first layers.
struct Label {
  Criteria sums{};
  std::uint64_t open = 0;  ///< bit i: the i-th open layer has codes
  std::size_t parent = 0;  ///< label of the layer before
  int candidate = 0;       ///< index in the table
};

class LabelSearch {
 public:
  explicit LabelSearch(const ChoiceProblem& problem) : problem_(problem) {
    labels_.emplace_back(1, Label{problem.rest()});
  }

  std::size_t layer() const { return labels_.size() - 1; }  ///< that is next
  const std::vector<Label>& now() const { return labels_.back(); }

  /// One more layer. `allows(sums)`: whether a label can still become something.
  template <class Allows>
  void extend(const Allows& allows) {
    const std::size_t layer = this->layer();
    const std::vector<int>* before = layer == 0 ? nullptr : &problem_.open_after(layer - 1);
    const std::vector<int>& after = problem_.open_after(layer);
    std::vector<Label> next;
    for (std::size_t p = 0; p < now().size(); ++p) {
      const Label& parent = now()[p];
      for (const ChoiceProblem::Candidate& c : problem_.candidates(layer)) {
        const auto codes = [&](int l) {
          if (static_cast<std::size_t>(l) == layer) return c.codes;
          const auto at = std::find(before->begin(), before->end(), l) - before->begin();
          return (parent.open >> at & 1) != 0;
        };
        Label label{parent.sums, 0, p, c.index};
        for (std::size_t k = 0; k < kSums; ++k) label.sums[k] += c.sums[k];
        label.sums[kNs] += problem_.settled_ns(layer, codes);
        if (!allows(label.sums)) continue;
        for (std::size_t i = 0; i < after.size(); ++i)
          label.open |= static_cast<std::uint64_t>(codes(after[i])) << i;
        next.push_back(label);
      }
    }
    labels_.push_back(std::move(next));
  }

  /// Keeps of the labels of the last layer, alike in what is open, those that no other one beats in the
  /// criteria that `view` makes of their sums.
  template <class View>
  void drop_beaten(std::size_t criteria, const View& view) {
    std::map<std::uint64_t, std::vector<std::size_t>> alike;
    for (std::size_t i = 0; i < now().size(); ++i) alike[now()[i].open].push_back(i);
    std::vector<Label> kept;
    for (const auto& [open, members] : alike) {
      std::vector<Criteria> points;
      for (const std::size_t i : members) points.push_back(view(now()[i].sums));
      for (const std::size_t k : undominated(points, criteria)) kept.push_back(now()[members[k]]);
    }
    labels_.back() = std::move(kept);
  }

  void replace(std::vector<Label> labels) { labels_.back() = std::move(labels); }

  std::vector<int> choice(std::size_t label) const {
    std::vector<int> candidates(layer());
    for (std::size_t l = layer(); l > 0; --l) {
      candidates[l - 1] = labels_[l][label].candidate;
      label = labels_[l][label].parent;
    }
    return candidates;
  }

 private:
  const ChoiceProblem& problem_;
  std::vector<std::vector<Label>> labels_;  ///< after 0, 1, ... layers
};

/// Sums that are limited, and the goal, which come first.
class LimitedView {
 public:
  explicit LimitedView(const LabelGoal& goal) : goal_(goal) {
    std::size_t weighted = 0;
    for (std::size_t k = 0; k < kSums; ++k) weighted += goal.weights[k] > 0;
    for (std::size_t k = 0; k < kSums; ++k) {
      const bool is_goal = weighted == 1 && goal.weights[k] > 0;
      if (std::isfinite(goal.limits[k]) && !is_goal) limited_.push_back(k);
    }
  }
  std::size_t count() const { return limited_.size() + 1; }
  Criteria operator()(const Criteria& sums) const {
    Criteria view{weighted_sum(goal_.weights, sums)};
    for (std::size_t i = 0; i < limited_.size(); ++i) view[i + 1] = sums[limited_[i]];
    return view;
  }

 private:
  const LabelGoal& goal_;
  std::vector<std::size_t> limited_;
};

/// The labels whose bounds are least.
void keep_promising(LabelSearch& search, const Lagrangian& bounds, std::size_t most) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < search.now().size(); ++i)
    order.emplace_back(bounds.bound(search.now()[i].sums, search.layer()), i);
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end());
  std::vector<Label> kept;
  for (std::size_t i = 0; i < most; ++i) kept.push_back(search.now()[order[i].second]);
  search.replace(std::move(kept));
}

/// Of labels that fall into one cell of a grid of times and bytes, those with the least noise.
std::vector<Label> one_of_each_cell(const std::vector<Label>& labels, std::size_t most) {
  const double side = std::floor(std::sqrt(static_cast<double>(most)));
  double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {0, 0};
  for (const Label& label : labels)
    for (std::size_t k = 0; k < 2; ++k) {
      low[k] = std::min(low[k], label.sums[k]);
      high[k] = std::max(high[k], label.sums[k]);
    }
  std::map<std::pair<std::uint64_t, std::uint64_t>, Label> cells;
  for (const Label& label : labels) {
    std::uint64_t cell = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      const double share = high[k] > low[k] ? (label.sums[k] - low[k]) / (high[k] - low[k]) : 0;
      cell = cell << 32 | static_cast<std::uint64_t>(std::min(share * side, side - 1));
    }
    const auto [at, made] = cells.try_emplace({label.open, cell}, label);
    if (!made && label.sums[kNoise] < at->second.sums[kNoise]) at->second = label;
  }
  std::vector<Label> kept;
  for (const auto& [key, label] : cells) kept.push_back(label);
  return kept;
}

}  // namespace

LabelResult best_choice(const ChoiceProblem& problem, const LabelGoal& goal, std::size_t most_labels,
                        double gap) {
  Lagrangian bounds(problem, goal);
  LabelResult result;
  // The best so far, in parts: g++ 12 takes what an optional of them holds for uninitialized.
  bool found = bounds.incumbent().has_value();
  double least = found ? bounds.incumbent()->goal : 0;
  std::vector<int> choice = found ? bounds.incumbent()->choice : std::vector<int>();
  LabelSearch search(problem);
  const LimitedView view(goal);
  for (std::size_t l = 0; l < problem.layers(); ++l) {
    search.extend([&](const Criteria& sums) {
      if (!bounds.can_fit(sums, l + 1)) return false;
      return !found || bounds.bound(sums, l + 1) < least * (1 - kRounding - gap);
    });
    search.drop_beaten(view.count(), view);
    if (search.now().size() > most_labels) {
      keep_promising(search, bounds, most_labels);
      result.exact = false;
    }
  }
  for (std::size_t i = 0; i < search.now().size(); ++i) {
    const double value = weighted_sum(goal.weights, search.now()[i].sums);
    if (found && !(value < least)) continue;
    found = true;
    least = value;
    choice = search.choice(i);
  }
  if (found) result.choices.push_back(std::move(choice));
  return result;
}

LabelResult front_of_choices(const ChoiceProblem& problem, std::size_t most_labels) {
  LabelResult result;
  LabelSearch search(problem);
  for (std::size_t l = 0; l < problem.layers(); ++l) {
    search.extend([](const Criteria&) { return true; });
    search.drop_beaten(3, [](const Criteria& sums) { return sums; });
    if (search.now().size() > most_labels) {
      search.replace(one_of_each_cell(search.now(), most_labels));
      result.exact = false;
    }
  }
  for (std::size_t i = 0; i < search.now().size(); ++i) result.choices.push_back(search.choice(i));
  return result;
}

}  // namespace lowbit::detail
