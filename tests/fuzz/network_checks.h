// SPDX-License-Identifier: Apache-2.0
// What must hold for a network of any structure.
#pragma once

#include <cstdint>
#include <string>

#include "lowbit/model/graph.h"

namespace lowbit::fuzz {

/// Empty, or a sentence: FP32 before and after fusion against a plain interpreter in double.
std::string check_floats(const Graph& graph);
/// Empty, or a sentence: quantized in several ways, a batch gives the bits of single samples, and a file
/// those of the model. `hash` takes in all outputs; they are the same on every CPU.
std::string check_codes(const Graph& graph, std::uint64_t& hash);

}  // namespace lowbit::fuzz
