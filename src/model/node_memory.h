// SPDX-License-Identifier: Apache-2.0
// What each node of a model needs in memory while it runs, beside weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lowbit/model/model.h"

namespace lowbit::detail {

/// Bytes, one per node: of all values that are still to be read or are written, and of the node's own scratch
/// memory. Open dimensions are at their highest sizes. The largest one is what a run needs at least; a
/// Workspace, whose values keep their places, may have more.
std::vector<std::size_t> node_memory(const Model& model, std::int64_t batch, int threads);

}  // namespace lowbit::detail
