// SPDX-License-Identifier: Apache-2.0
// An evaluator of graphs for tests: plain loops over one sample in logical order (C, H, W) and in double. It
// is the oracle for fusion, for importing, and for how a model runs in fp32.
#pragma once

#include <span>
#include <vector>

#include "lowbit/model/graph.h"

namespace lowbit::testing {

/// One value of one sample.
struct Sample {
  Shape shape;
  std::vector<double> data;
};

/// All values of the graph, by id. Throws Error(unsupported) for Quantize, Dequantize and Array.
std::vector<Sample> interpret_all(const Graph& graph, std::span<const Sample> inputs);
/// The outputs only.
std::vector<Sample> interpret(const Graph& graph, std::span<const Sample> inputs);

}  // namespace lowbit::testing
