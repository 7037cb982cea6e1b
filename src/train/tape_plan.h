// SPDX-License-Identifier: Apache-2.0
// Which gradients a backward pass computes, in which order they are written, and where they lie in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lowbit/model/graph.h"

namespace lowbit::train {

struct TapePlan {
  std::vector<bool> is_needed;          ///< per value: its gradient
  std::vector<bool> runs_backward;      ///< per node
  std::vector<std::size_t> offsets;     ///< per value, of its gradient
  std::size_t bytes = 0;                ///< of all gradients
  std::vector<std::vector<bool>> adds;  ///< per node and input: something is there before it
};

/// `trains`: per node, whether it has parameters. `sizes`: bytes of each value for a whole batch. Gradients
/// share memory where one is read for the last time before the other is written.
TapePlan plan_tape(const Graph& graph, const std::vector<bool>& trains, bool input_gradients,
                   const std::vector<std::size_t>& sizes);

}  // namespace lowbit::train
