// SPDX-License-Identifier: Apache-2.0
// Normalization along the last axis, written out as exporters write it:
//
//   d = x - mean(x);  d / sqrt(mean(d^2) + epsilon)        x / sqrt(mean(x^2) + epsilon)
//
// also with a factor 1 / sqrt(...), and with a line of factors and a line of terms behind it.
#include <cmath>
#include <optional>

#include "model/fuse_passes.h"
#include "model/pattern.h"

namespace lowbit::detail {
namespace {

using ops::BinaryFunction;
using ops::Function;

bool is_mean_of_lines(const Graph& graph, const Graph::Node* node) {
  const auto* reduce = node ? std::get_if<ops::ReduceOp>(&node->op) : nullptr;
  if (!reduce || reduce->reduction != ops::Reduction::mean || !reduce->keep_axes) return false;
  const int rank = shape_of(graph, node->inputs[0]).rank();
  return reduce->axes == std::vector<std::int64_t>{rank - 1};
}

/// What is squared: x^2 or x * x.
std::optional<ValueId> squared(const Graph& graph, ValueId value) {
  const Graph::Node* node = producer_node(graph, value);
  if (!node) return std::nullopt;
  if (const auto* f = std::get_if<ops::FunctionOp>(&node->op))
    return f->function == Function::power && f->alpha == 2.0f && f->is_plain()
               ? std::optional(node->inputs[0])
               : std::nullopt;
  if (is_binary(*node, BinaryFunction::mul) && node->inputs[0] == node->inputs[1]) return node->inputs[0];
  return std::nullopt;
}

/// x where the value is x - mean(x).
std::optional<ValueId> centred(const Graph& graph, ValueId value) {
  const Graph::Node* node = producer_node(graph, value);
  if (!node || !is_binary(*node, BinaryFunction::sub)) return std::nullopt;
  const Graph::Node* mean = producer_node(graph, node->inputs[1]);
  if (!is_mean_of_lines(graph, mean) || mean->inputs[0] != node->inputs[0]) return std::nullopt;
  return node->inputs[0];
}

/// Whether both are the same subtraction of a mean.
bool is_same(const Graph& graph, ValueId a, ValueId b) {
  if (a == b) return true;
  const std::optional<ValueId> x = centred(graph, a), y = centred(graph, b);
  return x && y && *x == *y;
}

struct Root {
  ValueId squares;  ///< value whose squares are averaged
  float epsilon;
};

/// The value is sqrt(mean(v^2) + epsilon).
std::optional<Root> root_of(const Graph& graph, ValueId value) {
  const Graph::Node* sqrt = producer_node(graph, value);
  const auto* f = sqrt ? std::get_if<ops::FunctionOp>(&sqrt->op) : nullptr;
  if (!f || f->function != Function::sqrt || !f->is_plain()) return std::nullopt;
  const Graph::Node* node = producer_node(graph, sqrt->inputs[0]);
  float epsilon = 0.0f;
  if (const auto* s = node ? std::get_if<ops::ScaleShiftOp>(&node->op) : nullptr) {
    if (s->scale != std::vector<float>{1.0f} || s->shift.size() != 1 || !(s->shift[0] >= 0.0f) ||
        !s->activation.is_identity())
      return std::nullopt;
    epsilon = s->shift[0];
    node = producer_node(graph, node->inputs[0]);
  }
  if (!is_mean_of_lines(graph, node)) return std::nullopt;
  const std::optional<ValueId> v = squared(graph, node->inputs[0]);
  if (!v) return std::nullopt;
  return Root{*v, epsilon};
}

/// The value is 1 / sqrt(...).
std::optional<Root> inverse_root_of(const Graph& graph, ValueId value) {
  const Graph::Node* node = producer_node(graph, value);
  if (!node) return std::nullopt;
  if (const auto* f = std::get_if<ops::FunctionOp>(&node->op))
    return f->function == Function::reciprocal && f->is_plain() ? root_of(graph, node->inputs[0])
                                                                : std::nullopt;
  const auto* b = std::get_if<ops::BinaryOp>(&node->op);
  if (!b || b->function != BinaryFunction::div || !b->constant_first ||
      b->constant.data != std::vector<float>{1.0f})
    return std::nullopt;
  return root_of(graph, node->inputs[0]);
}

bool fuse_one_norm(Graph& graph, int at) {
  Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  const bool divides = is_binary(node, BinaryFunction::div),
             multiplies = is_binary(node, BinaryFunction::mul);
  if (!divides && !multiplies) return false;
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    if (divides && side == 1) break;
    const ValueId v = node.inputs[side];
    const std::optional<Root> root =
        divides ? root_of(graph, node.inputs[1]) : inverse_root_of(graph, node.inputs[1 - side]);
    if (!root || !is_same(graph, root->squares, v)) continue;
    const std::optional<ValueId> x = centred(graph, v);
    ops::LayerNormOp op;
    op.epsilon = root->epsilon;
    op.is_centred = x.has_value();
    node.op = std::move(op);
    node.inputs = {x ? *x : v};
    return true;
  }
  return false;
}

/// A line of factors or terms behind a normalization becomes part of it.
bool take_in_line(Graph& graph, int at) {
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  const std::optional<Line> line = line_of(graph, node);
  const int p = line ? graph.producer(node.inputs[0]) : -1;
  if (p < 0 || !is_read_only_by(graph, node.inputs[0], at)) return false;
  Graph::Node& before = graph.nodes[static_cast<std::size_t>(p)];
  auto* norm = std::get_if<ops::LayerNormOp>(&before.op);
  if (!norm || (line->multiplies && !norm->shift.empty())) return false;
  std::vector<float>& own = line->multiplies ? norm->scale : norm->shift;
  if (!own.empty()) return false;
  own = line->elements;
  before.output = node.output;
  erase_node(graph, at);
  return true;
}

}  // namespace

bool fuse_layer_norm(Graph& graph) {
  bool changed = false;
  for (int i = 0; i < static_cast<int>(graph.nodes.size()); ++i) changed = fuse_one_norm(graph, i) || changed;
  return fuse_nodes(graph, take_in_line) || changed;
}

}  // namespace lowbit::detail
