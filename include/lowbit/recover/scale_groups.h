// SPDX-License-Identifier: Apache-2.0
// ScaleGroups: the factors that a network does not notice. A positive factor of a channel passes through
// ReLU, leaky ReLU, abs, pools and whatever only moves elements, and through a clamp at another bound than 0,
// whose bound becomes one for each channel; where the layers that compute the channel divide their rows
// and biases by it (a LayerNorm its scale and shift) and those that read it multiply their columns, the
// network's outputs stay what they are.
// Channels that cannot but share a factor, those that are added, for one, are a group. How the factors are
// chosen is another matter: equalize.h, smooth_quant.h, awq.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lowbit/model/model.h"
#include "lowbit/recover/channel_stats.h"

namespace lowbit {

class ScaleGroups {
 public:
  /// Groups of the same values. Their factors depend on each other only through the ranges of whole values
  /// and weights.
  struct Family {
    std::vector<int> groups;
    std::vector<ValueId> values;        ///< with channels of these groups
    std::vector<int> writers, readers;  ///< nodes with weights that compute or multiply such channels
  };

  /// Throws Error(invalid_argument) for a graph whose weights are gone.
  explicit ScaleGroups(const Graph& graph);

  std::size_t count() const { return count_; }
  /// C of C x H x W, F of T x F and of F, and what these become where elements are only moved: F of
  /// 1 x T x heads x F / heads.
  std::int64_t channels(ValueId value) const;
  /// Of a channel of a value; -1: its factor is 1.
  int group(ValueId value, std::int64_t channel) const;
  /// In the order in which the values are computed.
  const std::vector<Family>& families() const { return families_; }
  /// Why channels of a value keep the factor 1: "the network returns it". Empty: none does.
  const std::string& fixed_by(ValueId value) const { return fixed_by_[static_cast<std::size_t>(value)]; }

 private:
  std::size_t count_ = 0;
  std::vector<std::size_t> first_;  ///< per value, into groups_
  std::vector<int> groups_;
  std::vector<std::string> fixed_by_;
  std::vector<Family> families_;
};

/// The graph whose channels of group g are those of `graph` divided by factors[g]. Computed in double and
/// rounded once. Values keep their ids. Where an activation's bound would have to be another one in each
/// channel, it is min or max with constants behind the operator: a new node, and a new value in front of it.
/// Throws Error(invalid_argument) for factors that are not positive and finite, or not one for each group.
Graph rescaled(const Graph& graph, const ScaleGroups& groups, std::span<const double> factors);
Model rescaled(const Model& fp32, const ScaleGroups& groups, std::span<const double> factors);
/// What channel_stats() of that graph would be.
ChannelStats rescaled(ChannelStats stats, const ScaleGroups& groups, std::span<const double> factors);

}  // namespace lowbit
