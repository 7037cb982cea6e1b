// SPDX-License-Identifier: Apache-2.0
#include "model/node_schemes.h"

#include <fmt/format.h>

#include <algorithm>

#include "layers/weight_of.h"
#include "lowbit/core/error.h"
#include "lowbit/kernels/gemm.h"

namespace lowbit {
namespace {

std::int64_t depth(const ops::Op& op) {
  const Tensor* weight = ops::weight_of(op);
  return weight ? weight->shape.elements() / weight->shape[0] : 0;
}

/// For rows that are read one by one: weights alone, and of at least 4 bits, since nothing adds up that would
/// average their errors.
Scheme table_scheme(const Scheme& scheme) {
  Scheme result = scheme;
  result.activation_bits = 0;
  result.dynamic = false;
  const bool is_wide = scheme.weights == WeightKind::affine && scheme.bits >= 4;
  return is_wide && why_not_built(result).empty() ? result : Scheme("int8-wo");
}

/// What goes from step to step has a range of its own at each of them.
Scheme recurrent_scheme(const Scheme& scheme) {
  Scheme result = scheme;
  result.dynamic = scheme.activation_bits > 1;
  return result;
}

NodePlan plan_recurrent(const Scheme& scheme) {
  NodePlan plan;
  if (scheme.activation_bits == 1) {
    plan.fallback = "the state of Recurrent has no form of 1 bit";
    return plan;
  }
  plan.scheme = recurrent_scheme(scheme);
  if (const std::string why = why_not_built(plan.scheme); !why.empty()) {
    plan.scheme = Scheme("fp32");
    plan.fallback = why;
    return plan;
  }
  plan.mode = scheme.activation_bits == 0 ? NodePlan::Mode::weight_only : NodePlan::Mode::dynamic_u8;
  return plan;
}

NodePlan plan_node(const Graph::Node& node, const Scheme& scheme) {
  NodePlan plan;
  if (scheme.is_fp32()) return plan;
  if (std::holds_alternative<ops::RecurrentOp>(node.op)) return plan_recurrent(scheme);
  if (std::holds_alternative<ops::EmbeddingOp>(node.op)) {
    plan.mode = NodePlan::Mode::weight_only;
    plan.scheme = table_scheme(scheme);
    return plan;
  }
  if (scheme.activation_bits <= 1) {
    if (!ops::has_weights(node.op)) return plan;
    plan.mode = scheme.activation_bits == 0 ? NodePlan::Mode::weight_only : NodePlan::Mode::signs;
    plan.scheme = scheme;
    return plan;
  }
  if (scheme.dynamic) {
    if (!ops::has_weights(node.op)) {
      plan.fallback = "a dynamic scheme quantizes products only";
      return plan;
    }
    plan.mode = NodePlan::Mode::dynamic_u8;
  } else if (ops::op_arithmetic(node.op) == ops::Arithmetic::real) {
    plan.fallback = fmt::format("{} has no 8-bit form", ops::shown_name(node.op));
    return plan;
  } else {
    plan.mode = NodePlan::Mode::static_u8;
  }
  if (depth(node.op) > (scheme.mapping == Mapping::symmetric ? kernels::PackedWeights::kMaxK
                                                             : kernels::PackedWeights::kMaxKAsymmetric)) {
    plan.mode = NodePlan::Mode::f32;
    plan.fallback = fmt::format("sums of {} products could overflow 32 bits", depth(node.op));
    return plan;
  }
  plan.scheme = scheme;
  return plan;
}

/// A mask stays floats on its way: of what only becomes one nothing is quantized, through operators without
/// codes too. Codes that reach from the lowest float to 1 would tell 1 from 0 no more, and a comparison with
/// 0 hides all tokens.
void keep_masks(const Graph& graph, std::vector<NodePlan>& plans) {
  const auto reads_mask = [](const Graph::Node& node) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (ops::reads_reals(node.op, i)) return true;
    return false;
  };
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), reads_mask)) return;
  std::vector<bool> is_mask(graph.nodes.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Graph::Node& node = graph.nodes[i];
    const std::vector<int> readers = graph.consumers(node.output);
    const bool is_plain = plans[i].mode == NodePlan::Mode::static_u8 || plans[i].mode == NodePlan::Mode::f32;
    if (!is_plain || ops::has_weights(node.op) || readers.empty() || graph.is_output(node.output)) continue;
    is_mask[i] = true;
    for (const int reader : readers) {
      const Graph::Node& other = graph.nodes[static_cast<std::size_t>(reader)];
      for (std::size_t n = 0; n < other.inputs.size(); ++n)
        if (other.inputs[n] == node.output && !ops::reads_reals(other.op, n) &&
            !is_mask[static_cast<std::size_t>(reader)])
          is_mask[i] = false;
    }
    if (is_mask[i] && plans[i].mode == NodePlan::Mode::static_u8)
      plans[i] = {NodePlan::Mode::f32, {}, "a mask stays floats"};
  }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  // Iterative: on a mismatch, let the last `*` swallow one more character.
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<Scheme> node_schemes(const Graph& graph, const QuantizeOptions& options) {
  require_built(options.scheme);
  std::vector<Scheme> schemes(graph.nodes.size(), options.scheme);
  for (const auto& [pattern, scheme] : options.overrides) {
    require_built(scheme);
    bool matched = false;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (!glob_match(pattern, graph.nodes[i].name)) continue;
      schemes[i] = scheme;
      matched = true;
    }
    if (!matched)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("the override '{}={}' matches none of the {} layers", pattern,
                              format_scheme(scheme), graph.nodes.size()));
  }
  return schemes;
}

std::vector<NodePlan> plan_nodes(const Graph& graph, std::span<const Scheme> schemes) {
  std::vector<NodePlan> plans;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) plans.push_back(plan_node(graph.nodes[i], schemes[i]));
  keep_masks(graph, plans);
  return plans;
}

}  // namespace lowbit
