// SPDX-License-Identifier: Apache-2.0
// GELU written out, in the two forms that exporters write:
//
//   x (1 + erf(x / sqrt 2)) / 2        x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
//
// where the half may stand in any place. The sum of 1 has been folded into the function before.
#include <cmath>
#include <optional>

#include "model/fuse_passes.h"
#include "model/pattern.h"

namespace lowbit::detail {
namespace {

using ops::BinaryFunction;
using ops::Function;

bool is_near(float a, double b) {
  return std::fabs(a - b) <= 1e-4 * std::fabs(b);
}

/// x where the value is x + 0.044715 x^3, times the factor.
std::optional<ValueId> cubic(const Graph& graph, const Scaled& argument) {
  const Graph::Node* sum = producer_node(graph, argument.value);
  if (!is_near(argument.factor, 0.7978845608) || !sum || !is_binary(*sum, BinaryFunction::add))
    return std::nullopt;
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    const Scaled cube = scaled(graph, sum->inputs[side]);
    const Graph::Node* power = producer_node(graph, cube.value);
    const auto* f = power ? std::get_if<ops::FunctionOp>(&power->op) : nullptr;
    if (f && f->function == Function::power && f->alpha == 3.0f && f->shift_after == 0.0f &&
        is_near(cube.factor * f->scale_after, 0.044715) && power->inputs[0] == sum->inputs[1 - side])
      return power->inputs[0];
  }
  return std::nullopt;
}

struct Half {
  Function function;
  ValueId x;
  float scale;  ///< the value is scale (1 + erf or tanh)
};

std::optional<Half> half_of(const Graph& graph, const Scaled& value) {
  const Graph::Node* node = producer_node(graph, value.value);
  const auto* f = node ? std::get_if<ops::FunctionOp>(&node->op) : nullptr;
  if (!f || f->scale_after != f->shift_after) return std::nullopt;
  const Scaled argument = scaled(graph, node->inputs[0]);
  const float scale = value.factor * f->scale_after;
  if (f->function == Function::erf && is_near(argument.factor, 0.7071067812))
    return Half{Function::gelu, argument.value, scale};
  if (f->function == Function::tanh)
    if (const std::optional<ValueId> x = cubic(graph, argument)) return Half{Function::gelu_tanh, *x, scale};
  return std::nullopt;
}

bool fuse_one_gelu(Graph& graph, Graph::Node& node) {
  if (!is_binary(node, BinaryFunction::mul)) return false;
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    const std::optional<Half> half = half_of(graph, scaled(graph, node.inputs[side]));
    const Scaled x = scaled(graph, node.inputs[1 - side]);
    if (!half || half->x != x.value) continue;
    ops::FunctionOp gelu;
    gelu.function = half->function;
    gelu.scale_after = 2.0f * half->scale * x.factor;
    node.op = gelu;
    node.inputs = {x.value};
    return true;
  }
  return false;
}

}  // namespace

bool fuse_gelu(Graph& graph) {
  bool changed = false;
  for (Graph::Node& node : graph.nodes) changed = fuse_one_gelu(graph, node) || changed;
  return changed;
}

}  // namespace lowbit::detail
