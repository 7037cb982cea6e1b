// SPDX-License-Identifier: Apache-2.0
// A graph with open dimensions, found by comparing what one network is at several sizes: the same nodes each
// time, whose numbers follow rules.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lowbit/model/graph.h"

namespace lowbit::detail {

/// `highest`: the graph at the highest sizes. `graph_at` gives it at others; it is asked for a few, low, high
/// and odd ones, and whatever it gives must follow from the rules exactly. Throws Error(unsupported) naming
/// the node and the dimensions where it does not.
Graph open_from_sizes(Graph highest, std::vector<OpenDimension> dimensions,
                      const std::function<Graph(std::span<const std::int64_t>)>& graph_at);

}  // namespace lowbit::detail
