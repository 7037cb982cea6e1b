// SPDX-License-Identifier: Apache-2.0
// Caches of keys and values: what a graph is given of earlier tokens, joins with those of new ones, gives
// back and attends to.
#pragma once

#include <span>
#include <vector>

#include "lowbit/model/graph.h"

namespace lowbit {

/// What becomes rows in codes, by node and by value: the nodes that join and those that attend, inputs of the
/// graph and the results of joining.
struct CachedParts {
  std::vector<bool> joins, attentions, values;
};

/// Attention whose keys and whose values are each a Concat, along the rows, of an input of the graph and
/// others, and whose caches nothing else reads.
CachedParts find_caches(const Graph& graph);

}  // namespace lowbit
