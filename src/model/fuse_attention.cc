// SPDX-License-Identifier: Apache-2.0
// Attention written out: softmax(scale Q K^T + mask) V, where the scale may stand on either side of the
// product, and the axes of heads and rows may have been exchanged before and after.
#include <optional>
#include <utility>

#include "model/fuse_passes.h"
#include "model/pattern.h"

namespace lowbit::detail {
namespace {

using ops::BinaryFunction;
using Axes = std::vector<std::int64_t>;

const Axes kHeadsFirst{0, 2, 1, 3}, kLastSwapped{0, 1, 3, 2}, kBoth{0, 2, 3, 1};

const Axes* axes_of(const Graph::Node* node) {
  const auto* t = node ? std::get_if<ops::TransposeOp>(&node->op) : nullptr;
  return t ? &t->axes : nullptr;
}

/// Queries, keys or values as [B, heads, rows, size], or as they are before heads and rows are exchanged.
struct Operand {
  ValueId value;
  bool by_head = true;
  float factor = 1.0f;
};

/// What the value is before each head is repeated for as many queries in a row, which attention does by
/// itself: [B, groups, N, size] -> [B, groups, 1, N, size] -> [B, groups, times, N, size] -> [B, heads, N,
/// size].
ValueId before_repeats(const Graph& graph, ValueId value) {
  const auto reshape = [&](ValueId of) {
    const Graph::Node* node = producer_node(graph, of);
    return node && std::holds_alternative<ops::ReshapeOp>(node->op) ? node : nullptr;
  };
  const Graph::Node* joined = reshape(value);
  const Graph::Node* repeated = joined ? producer_node(graph, joined->inputs[0]) : nullptr;
  const auto* expand = repeated ? std::get_if<ops::ArrayOp>(&repeated->op) : nullptr;
  if (!expand || expand->function != "Expand" || repeated->inputs.size() != 1) return value;
  const Graph::Node* parted = reshape(repeated->inputs[0]);
  if (!parted) return value;
  const Shape &heads = shape_of(graph, value), &many = shape_of(graph, repeated->output),
              &one = shape_of(graph, parted->output), &groups = shape_of(graph, parted->inputs[0]);
  if (heads.rank() != 4 || many.rank() != 5 || one.rank() != 5 || groups.rank() != 4) return value;
  const Shape want_one{groups[0], groups[1], 1, groups[2], groups[3]},
      want_many{groups[0], groups[1], many[2], groups[2], groups[3]},
      want_heads{groups[0], groups[1] * many[2], groups[2], groups[3]};
  return one == want_one && many == want_many && heads == want_heads ? parted->inputs[0] : value;
}

Operand operand(const Graph& graph, ValueId value) {
  const Scaled s = scaled(graph, value);
  const Graph::Node* node = producer_node(graph, s.value);
  const Axes* axes = axes_of(node);
  if (!axes || *axes != kHeadsFirst) {
    const Scaled before = scaled(graph, before_repeats(graph, s.value));
    return {before.value, true, s.factor * before.factor};
  }
  const Scaled before = scaled(graph, node->inputs[0]);
  return {before.value, false, s.factor * before.factor};
}

/// The value is [B, heads, size, rows].
std::optional<Operand> transposed_operand(const Graph& graph, ValueId value) {
  const Scaled s = scaled(graph, value);
  const Graph::Node* node = producer_node(graph, s.value);
  const Axes* axes = axes_of(node);
  if (!axes) return std::nullopt;
  if (*axes == kBoth) {
    const Scaled before = scaled(graph, node->inputs[0]);
    return Operand{before.value, false, s.factor * before.factor};
  }
  if (*axes != kLastSwapped) return std::nullopt;
  Operand keys = operand(graph, node->inputs[0]);
  keys.factor *= s.factor;
  return keys;
}

/// The chain from the product of queries and keys to the softmax.
struct Scores {
  const Graph::Node* product = nullptr;
  float factor = 1.0f;
  std::optional<ValueId> mask{};
};

bool is_mask_of(const Graph& graph, ValueId mask, const Shape& scores) {
  const Shape& shape = shape_of(graph, mask);
  if (shape.rank() != 4) return false;
  for (int axis = 0; axis < 4; ++axis)
    if (shape[axis] != 1 && shape[axis] != scores[axis]) return false;
  return true;
}

std::optional<Scores> product_of(const Graph& graph, ValueId value) {
  Scores result;
  const Scaled s = scaled(graph, value);
  result.factor = s.factor;
  result.product = producer_node(graph, s.value);
  if (!result.product || !std::holds_alternative<ops::MatMulOp>(result.product->op)) return std::nullopt;
  return result;
}

std::optional<Scores> scores_of(const Graph& graph, ValueId value) {
  if (std::optional<Scores> plain = product_of(graph, value)) return plain;
  const Graph::Node* sum = producer_node(graph, value);
  if (!sum || !is_binary(*sum, BinaryFunction::add)) return std::nullopt;
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    std::optional<Scores> scores = product_of(graph, sum->inputs[side]);
    const ValueId mask = sum->inputs[1 - side];
    if (!scores || !is_mask_of(graph, mask, shape_of(graph, sum->output))) continue;
    scores->mask = mask;
    return scores;
  }
  return std::nullopt;
}

/// Reads through reshapes between the same four dimensions and others.
ValueId through_reshapes(const Graph& graph, ValueId value) {
  while (const Graph::Node* node = producer_node(graph, value)) {
    if (!std::holds_alternative<ops::ReshapeOp>(node->op)) break;
    value = node->inputs[0];
  }
  return value;
}

/// The softmax over the last axis that a value is.
const Graph::Node* softmax_of(const Graph& graph, ValueId value) {
  const Graph::Node* node = producer_node(graph, through_reshapes(graph, value));
  const auto* softmax = node ? std::get_if<ops::SoftmaxOp>(&node->op) : nullptr;
  if (!softmax || softmax->axis != shape_of(graph, node->output).rank() - 1) return nullptr;
  const Shape &from = shape_of(graph, node->output), &to = shape_of(graph, value);
  return from.rank() > 0 && from[from.rank() - 1] == to[to.rank() - 1] ? node : nullptr;
}

bool fuse_one_attention(Graph& graph, int at) {
  Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  if (!std::holds_alternative<ops::MatMulOp>(node.op) || shape_of(graph, node.output).rank() != 4)
    return false;
  const Graph::Node* softmax = softmax_of(graph, node.inputs[0]);
  if (!softmax) return false;
  const std::optional<Scores> scores = scores_of(graph, through_reshapes(graph, softmax->inputs[0]));
  if (!scores || !(shape_of(graph, scores->product->output) == shape_of(graph, node.inputs[0]))) return false;
  const Operand queries = operand(graph, scores->product->inputs[0]), values = operand(graph, node.inputs[1]);
  const std::optional<Operand> keys = transposed_operand(graph, scores->product->inputs[1]);
  if (!keys || values.factor != 1.0f) return false;
  ops::AttentionOp op;
  op.scale = scores->factor * queries.factor * keys->factor;
  op.queries_by_head = queries.by_head, op.keys_by_head = keys->by_head, op.values_by_head = values.by_head;
  std::vector<ValueId> inputs{queries.value, keys->value, values.value};
  if (scores->mask) inputs.push_back(*scores->mask);
  std::vector<Shape> shapes;
  for (const ValueId id : inputs) shapes.push_back(shape_of(graph, id));
  try {
    if (!(ops::infer_shape(op, shapes) == shape_of(graph, node.output))) return false;
  } catch (const Error&) {  // repeated heads, which attention has another rule for
    return false;
  }
  node.op = op;
  node.inputs = std::move(inputs);
  return true;
}

/// The exchange of heads and rows behind it.
bool take_in_transpose(Graph& graph, int at) {
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  const Axes* axes = axes_of(&node);
  const int p = axes && *axes == kHeadsFirst ? graph.producer(node.inputs[0]) : -1;
  if (p < 0 || !is_read_only_by(graph, node.inputs[0], at)) return false;
  Graph::Node& before = graph.nodes[static_cast<std::size_t>(p)];
  auto* attention = std::get_if<ops::AttentionOp>(&before.op);
  if (!attention) return false;
  attention->result_by_head = !attention->result_by_head;
  before.output = node.output;
  erase_node(graph, at);
  return true;
}

}  // namespace

bool fuse_attention(Graph& graph) {
  bool changed = false;
  for (int i = 0; i < static_cast<int>(graph.nodes.size()); ++i)
    changed = fuse_one_attention(graph, i) || changed;
  return fuse_nodes(graph, take_in_transpose) || changed;
}

}  // namespace lowbit::detail
