// SPDX-License-Identifier: Apache-2.0
// Sets of channels that cannot but share a factor, found operator by operator (scale_groups.h).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lowbit/model/graph.h"
#include "recover/channel_maps.h"

namespace lowbit::detail {

struct ChannelSets {
  explicit ChannelSets(const Graph& graph);

  std::vector<ChannelMap> maps;        ///< of each value
  std::vector<std::size_t> first{};    ///< of each value: where its channels begin among all channels
  std::vector<std::size_t> set_of{};   ///< of each channel: the least channel of its set
  std::vector<std::string> reasons{};  ///< of each set: why it keeps the factor 1; empty: it need not
};

}  // namespace lowbit::detail
