// SPDX-License-Identifier: Apache-2.0
// Which scheme each node gets: the one asked for, the overrides, and what a node cannot do.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/model/quantize.h"

namespace lowbit {

/// `*` matches any run of characters, `?` one.
bool glob_match(std::string_view pattern, std::string_view text);

/// How one node runs.
struct NodePlan {
  enum class Mode { f32, weight_only, signs, static_u8, dynamic_u8 };
  Mode mode = Mode::f32;
  Scheme scheme;
  std::string fallback;
};

/// The scheme of each node. Throws as model/quantize.h says for schemes and overrides.
std::vector<Scheme> node_schemes(const Graph& graph, const QuantizeOptions& options);

/// For one scheme a node, built.
std::vector<NodePlan> plan_nodes(const Graph& graph, std::span<const Scheme> schemes);

}  // namespace lowbit
