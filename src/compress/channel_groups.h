// SPDX-License-Identifier: Apache-2.0
// Which channels of a network's values can only be removed together. Every value has one axis along which its
// channels lie; where a channel goes, the same place goes in all values that are made from it element by
// element.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lowbit/model/graph.h"

namespace lowbit::detail {

struct ChannelGroups {
  explicit ChannelGroups(const Graph& graph);

  std::vector<int> axis{};              ///< of each value
  std::vector<std::size_t> first{};     ///< of each value: where its places begin among all places
  std::vector<std::size_t> group_of{};  ///< of each place: the least place of its group
  std::vector<std::string>
      reasons{};  ///< of each group, by its least place: why it stays; empty: it need not

  std::size_t place(ValueId value, std::int64_t channel) const {
    return first[static_cast<std::size_t>(value)] + static_cast<std::size_t>(channel);
  }
  std::size_t group(ValueId value, std::int64_t channel) const { return group_of[place(value, channel)]; }
};

/// Channels of a value of this shape that lie along `axis`; 1 for one without axes.
std::int64_t channels_along(const Shape& shape, int axis);

/// A convolution whose output channels each come from one channel of the input.
bool is_depthwise(const ops::Conv2dOp& op);

}  // namespace lowbit::detail
