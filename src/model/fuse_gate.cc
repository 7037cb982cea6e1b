// SPDX-License-Identifier: Apache-2.0
// x * sigmoid(x) is silu, x * hard_sigmoid(x) and x * clamp(s x + t, 0, hi) are hard_swish (the latter times
// hi): one function of x, which on codes is one table, in place of a product of two values that each need
// codes of their own.
#include <cmath>
#include <optional>

#include "model/fuse_passes.h"

namespace lowbit::detail {
namespace {

struct Gate {
  ops::FunctionOp function;
  float factor = 1.0f;  ///< of the function's values
};

std::optional<Gate> gate_of(const ops::Op& op) {
  if (const auto* f = std::get_if<ops::FunctionOp>(&op); f && f->is_plain()) {
    if (f->function == ops::Function::sigmoid) return Gate{{ops::Function::silu, 1.0f, 0.0f, 1.0f, 0.0f}};
    if (f->function == ops::Function::hard_sigmoid)
      return Gate{{ops::Function::hard_swish, f->alpha, f->beta, 1.0f, 0.0f}};
  }
  if (const auto* s = std::get_if<ops::ScaleShiftOp>(&op)) {
    const float hi = s->activation.hi;
    if (s->scale.size() == 1 && s->shift.size() == 1 && s->activation.lo == 0.0f && hi > 0.0f &&
        std::isfinite(hi))
      return Gate{{ops::Function::hard_swish, s->scale[0] / hi, s->shift[0] / hi, 1.0f, 0.0f}, hi};
  }
  return std::nullopt;
}

bool fuse_one_gate(Graph& graph, int product) {
  Graph::Node& node = graph.nodes[static_cast<std::size_t>(product)];
  const auto* op = std::get_if<ops::BinaryOp>(&node.op);
  if (!op || op->function != ops::BinaryFunction::mul || node.inputs.size() != 2) return false;
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    const int p = graph.producer(node.inputs[side]);
    if (p < 0 || !is_read_only_by(graph, node.inputs[side], product)) continue;
    Graph::Node& gate = graph.nodes[static_cast<std::size_t>(p)];
    const std::optional<Gate> found = gate_of(gate.op);
    if (!found || gate.inputs.size() != 1 || gate.inputs[0] != node.inputs[1 - side]) continue;
    gate.op = found->function;
    if (found->factor == 1.0f) {
      gate.output = node.output;
      erase_node(graph, product);
    } else {
      node.op = ops::ScaleShiftOp{{found->factor}, {0.0f}, {}};
      node.inputs = {gate.output};
    }
    return true;
  }
  return false;
}

}  // namespace

bool fuse_gate(Graph& graph) {
  return fuse_nodes(graph, fuse_one_gate);
}

}  // namespace lowbit::detail
