// SPDX-License-Identifier: Apache-2.0
// A table as the search of choices sees it: numbers that add up, layer by layer, and which decisions later
// layers still have to know of.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "lowbit/search/cost_table.h"
#include "search/dominance.h"

namespace lowbit::detail {

/// The criteria of a choice, in this order.
enum Criterion : std::size_t { kNs, kBytes, kNoise, kJoules, kSums };

/// Which bytes kBytes adds up.
enum class CountedBytes { of_file, loaded };

class ChoiceProblem {
 public:
  struct Candidate {
    int index;  ///< in the table
    Criteria sums{};
    bool codes;
  };

  /// Without candidates that `allows` refuses.
  ChoiceProblem(const CostTable& table,
                const std::function<bool(const CostTable::Candidate& candidate)>& allows,
                CountedBytes counted = CountedBytes::of_file);

  std::size_t layers() const { return layers_.size(); }
  const std::vector<Candidate>& candidates(std::size_t layer) const { return layers_[layer]; }
  /// What every choice costs.
  const Criteria& rest() const { return rest_; }
  bool possible() const;

  /// Layers up to `layer` on whose form (codes or floats) later conversions depend, ascending; those that
  /// have one form alone are left out.
  const std::vector<int>& open_after(std::size_t layer) const { return open_[layer]; }
  /// Time of the conversions that are settled once this layer is. `codes(l)` is asked of those that were
  /// open, and of it.
  double settled_ns(std::size_t layer, const std::function<bool(int)>& codes) const;

 private:
  bool has_both_forms(std::size_t layer) const;

  const CostTable& table_;
  std::vector<std::vector<Candidate>> layers_;
  Criteria rest_{};
  std::vector<std::vector<std::size_t>> settled_;  ///< conversions, by the last layer that they depend on
  std::vector<std::vector<int>> open_;
};

}  // namespace lowbit::detail
