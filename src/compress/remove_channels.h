// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "compress/channel_groups.h"
#include "lowbit/model/graph.h"

namespace lowbit::detail {

/// The channels of a value that stay; `gone`: of each place that names a group, whether that goes.
std::vector<std::int64_t> kept_channels(const ChannelGroups& groups, const Graph& graph, ValueId value,
                                        const std::vector<bool>& gone);

/// The graph without those groups: rows and columns of weights, biases and constants of their channels are
/// taken out. Of every value a channel has to stay.
Graph remove_channels(Graph graph, const ChannelGroups& groups, const std::vector<bool>& gone);

}  // namespace lowbit::detail
