// SPDX-License-Identifier: Apache-2.0
// In a graph of whole tensors products read rows, [sequence, width], and convolutions images; what lies
// between them was written for other shapes, [batch, sequence, width]. Element-wise operators and those along
// the last axis do not mind: they move in front of the Reshape that gives them their shape, until reshapes
// meet and cancel, and arithmetic stands beside the product that it can be folded into.
#include <algorithm>
#include <optional>
#include <utility>

#include "model/fuse_passes.h"
#include "model/pattern.h"

namespace lowbit::detail {
namespace {

std::size_t index(ValueId id) {
  return static_cast<std::size_t>(id);
}

std::int64_t last(const Shape& shape) {
  return shape.rank() == 0 ? 1 : shape[shape.rank() - 1];
}

/// The Reshape that computes a value, or null.
const Graph::Node* reshape_of(const Graph& graph, ValueId id) {
  const int p = graph.producer(id);
  if (p < 0) return nullptr;
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(p)];
  return std::holds_alternative<ops::ReshapeOp>(node.op) ? &node : nullptr;
}

/// How an operator goes with another shape of as many elements.
enum class Kind { none, any_shape, last_axis };

/// Of a constant that has as many dimensions as the value beside it.
Kind constant_kind(const Tensor& constant) {
  if (constant.data.size() == 1) return Kind::any_shape;
  const bool is_line = static_cast<std::int64_t>(constant.data.size()) == last(constant.shape);
  return is_line ? Kind::last_axis : Kind::none;
}

Kind kind_of(const Graph& graph, const Graph::Node& node) {
  const Shape& out = shape_of(graph, node.output);
  for (const ValueId id : node.inputs)
    if (!(shape_of(graph, id) == out)) return Kind::none;
  if (std::holds_alternative<ops::FunctionOp>(node.op) || std::holds_alternative<ops::ClampOp>(node.op) ||
      std::holds_alternative<ops::AddOp>(node.op))
    return Kind::any_shape;
  if (const auto* s = std::get_if<ops::ScaleShiftOp>(&node.op))
    return s->scale.size() == 1 && s->shift.size() == 1 ? Kind::any_shape : Kind::none;
  if (const auto* b = std::get_if<ops::BinaryOp>(&node.op))
    return b->constant.data.empty() ? Kind::any_shape : constant_kind(b->constant);
  if (std::holds_alternative<ops::LayerNormOp>(node.op)) return Kind::last_axis;
  if (const auto* s = std::get_if<ops::SoftmaxOp>(&node.op))
    return s->axis == out.rank() - 1 ? Kind::last_axis : Kind::none;
  return Kind::none;
}

/// Makes the operator one for samples of shape `to`.
void adapt(ops::Op& op, const Shape& to) {
  if (auto* s = std::get_if<ops::SoftmaxOp>(&op)) s->axis = to.rank() - 1;
  auto* b = std::get_if<ops::BinaryOp>(&op);
  if (!b || b->constant.data.empty()) return;
  std::vector<std::int64_t> dims(static_cast<std::size_t>(to.rank()), 1);
  if (!dims.empty()) dims.back() = static_cast<std::int64_t>(b->constant.data.size());
  b->constant.shape = Shape(dims);
}

/// [B, H, m, n] for [B H, m, n].
bool parts_matrices(const Shape& parted, const Shape& joined) {
  return parted.rank() == 4 && joined.rank() == 3 && parted[0] * parted[1] == joined[0] &&
         parted[2] == joined[1] && parted[3] == joined[2];
}

/// A product, quotient or the like of two values: of [1, C, H, W] it becomes one of images (keep_images).
bool combines_values(const ops::Op& op) {
  const auto* binary = std::get_if<ops::BinaryOp>(&op);
  return binary && binary->constant.data.empty();
}

/// What the operands of a node could be read as instead: one shape, that of the source of a Reshape.
std::optional<Shape> shape_before(const Graph& graph, const Graph::Node& node, Kind kind) {
  const Shape& out = shape_of(graph, node.output);
  std::optional<Shape> rows;
  bool is_everywhere = true;
  std::optional<Shape> common;
  for (const ValueId id : node.inputs) {
    const Graph::Node* reshape = reshape_of(graph, id);
    const Shape* from = reshape ? &shape_of(graph, reshape->inputs[0]) : nullptr;
    if (from && (*from == out || (kind == Kind::last_axis && last(*from) != last(out)))) from = nullptr;
    is_everywhere = is_everywhere && from && (!common || *common == *from);
    if (from && !common) common = *from;
    if (!from) continue;
    const bool is_rows = from->rank() == 2 && out.rank() > 2 && last(*from) == last(out);
    const bool is_matrices = parts_matrices(*from, out) && !((*from)[0] == 1 && combines_values(node.op));
    if (is_rows || is_matrices) rows = *from;
  }
  if (is_everywhere && common) return common;
  // One operand comes in rows: the others can, too.
  return rows;
}

/// The value in another shape: the source of its Reshape, or a new one. `at`: where a node may be put, which
/// is moved on.
ValueId reshaped(Graph& graph, ValueId id, const Shape& to, int& at) {
  const Graph::Node* reshape = reshape_of(graph, id);
  if (reshape && shape_of(graph, reshape->inputs[0]) == to) return reshape->inputs[0];
  const std::string name = graph.values[index(id)].name + "/rows";
  const ElementType element = graph.values[index(id)].element;
  const ValueId result = graph.add_value(name, to);
  graph.values.back().element = element;
  graph.nodes.insert(graph.nodes.begin() + at++,
                     {name, ops::ReshapeOp{{to.dims().begin(), to.dims().end()}}, {id}, result});
  return result;
}

/// Puts the node's result, as it is on `shape`, behind a Reshape to what it was.
void give_back(Graph& graph, int at, const Shape& shape) {
  Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  const ValueId output = node.output;
  const Shape whole = shape_of(graph, output);
  const ElementType element = graph.values[index(output)].element;
  node.output = graph.add_value(node.name, shape);
  graph.values.back().element = element;
  graph.nodes.insert(graph.nodes.begin() + at + 1,
                     {node.name + "/whole",
                      ops::ReshapeOp{{whole.dims().begin(), whole.dims().end()}},
                      {node.output},
                      output});
}

bool move_in_front(Graph& graph, int at) {
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  const Kind kind = kind_of(graph, node);
  if (kind == Kind::none) return false;
  const std::optional<Shape> shape = shape_before(graph, node, kind);
  if (!shape) return false;
  std::vector<ValueId> inputs = node.inputs;
  for (ValueId& id : inputs) id = reshaped(graph, id, *shape, at);
  Graph::Node& moved = graph.nodes[static_cast<std::size_t>(at)];
  adapt(moved.op, *shape);
  moved.inputs = std::move(inputs);
  give_back(graph, at, *shape);
  return true;
}

/// How the matrices of a value lay side by side before they were counted through: B and H of [B, H, m, n].
std::optional<std::pair<std::int64_t, std::int64_t>> parts_of(const Graph& graph, ValueId id) {
  const Graph::Node* reshape = reshape_of(graph, id);
  if (!reshape || !parts_matrices(shape_of(graph, reshape->inputs[0]), shape_of(graph, id)))
    return std::nullopt;
  const Shape& parted = shape_of(graph, reshape->inputs[0]);
  return std::pair{parted[0], parted[1]};
}

/// Products of [n, m, k] and [n, k, l], and transposed matrices, in four dimensions: the matrices lie one
/// after the other there, and attention is found.
bool part_matrices(Graph& graph, int at) {
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  const Shape out = shape_of(graph, node.output);
  if (out.rank() != 3) return false;
  const auto* transpose = std::get_if<ops::TransposeOp>(&node.op);
  const bool turns = transpose && transpose->axes == std::vector<std::int64_t>{0, 2, 1};
  if (!turns && !std::holds_alternative<ops::MatMulOp>(node.op)) return false;
  std::optional<std::pair<std::int64_t, std::int64_t>> parts;
  for (const ValueId id : node.inputs) {
    if (shape_of(graph, id)[0] != out[0]) return false;
    if (!parts) parts = parts_of(graph, id);
  }
  if (!parts && turns) return false;
  const auto [batch, heads] = parts.value_or(std::pair{std::int64_t{1}, out[0]});
  std::vector<ValueId> inputs = node.inputs;
  for (ValueId& id : inputs) {
    const Shape from = shape_of(graph, id);
    id = reshaped(graph, id, {batch, heads, from[1], from[2]}, at);
  }
  Graph::Node& moved = graph.nodes[static_cast<std::size_t>(at)];
  moved.inputs = std::move(inputs);
  if (turns) moved.op = ops::TransposeOp{{0, 1, 3, 2}};
  give_back(graph, at, {batch, heads, out[1], out[2]});
  return true;
}

/// [C, H, W] for [1, C, H, W].
Shape without_first(const Shape& shape) {
  return Shape(shape.dims().subspan(1));
}

/// The operator for samples without their first dimension, which is 1 everywhere; nothing where that one
/// matters.
std::optional<ops::Op> without_first(const ops::Op& op) {
  if (const auto* concat = std::get_if<ops::ConcatOp>(&op))
    return concat->axis > 0 ? std::optional<ops::Op>(ops::ConcatOp{concat->axis - 1}) : std::nullopt;
  if (ops::SliceOp slice; const auto* given = std::get_if<ops::SliceOp>(&op)) {
    slice = *given;
    if (slice.sizes[0] != 1) return std::nullopt;
    for (auto* list : {&slice.starts, &slice.steps, &slice.sizes}) list->erase(list->begin());
    return slice;
  }
  if (!combines_values(op)) return std::nullopt;
  return op;
}

/// Whether a node joins what comes in with what is new, and gives it back: a cache, which stays as it is.
bool joins_cache(const Graph& graph, const Graph::Node& node) {
  return std::holds_alternative<ops::ConcatOp>(node.op) && graph.producer(node.inputs[0]) < 0 &&
         graph.is_output(node.output);
}

/// Images that are joined, cut or combined between convolutions stay images.
bool keep_images(Graph& graph, int at) {
  const Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  const Shape out = shape_of(graph, node.output);
  if (joins_cache(graph, node)) return false;
  std::optional<ops::Op> op = out.rank() == 4 && out[0] == 1 ? without_first(node.op) : std::nullopt;
  bool is_image = false;
  for (const ValueId id : node.inputs) {
    const Shape& shape = shape_of(graph, id);
    if (shape.rank() != 4 || shape[0] != 1) return false;
    const Graph::Node* reshape = reshape_of(graph, id);
    is_image = is_image || (reshape && shape_of(graph, reshape->inputs[0]) == without_first(shape));
  }
  if (!op || !is_image) return false;
  std::vector<ValueId> inputs = node.inputs;
  for (ValueId& id : inputs) {
    const Shape shape = without_first(shape_of(graph, id));
    id = reshaped(graph, id, shape, at);
  }
  Graph::Node& moved = graph.nodes[static_cast<std::size_t>(at)];
  moved.inputs = std::move(inputs);
  moved.op = std::move(*op);
  give_back(graph, at, without_first(out));
  return true;
}

void replace_uses(Graph& graph, ValueId from, ValueId to) {
  for (Graph::Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
}

/// Reads through other reshapes, and does away with one that changes nothing or that exists already.
bool simplify_reshape(Graph& graph, int at) {
  Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  if (!std::holds_alternative<ops::ReshapeOp>(node.op)) return false;
  bool changed = false;
  if (const Graph::Node* before = reshape_of(graph, node.inputs[0])) {
    node.inputs[0] = before->inputs[0];
    changed = true;
  }
  if (graph.is_output(node.output)) return changed;
  if (shape_of(graph, node.inputs[0]) == shape_of(graph, node.output)) {
    if (graph.consumers(node.output).empty()) return changed;
    replace_uses(graph, node.output, node.inputs[0]);
    return true;
  }
  for (int i = 0; i < at; ++i) {
    const Graph::Node& earlier = graph.nodes[static_cast<std::size_t>(i)];
    if (earlier.inputs != node.inputs || !std::holds_alternative<ops::ReshapeOp>(earlier.op) ||
        !(shape_of(graph, earlier.output) == shape_of(graph, node.output)) ||
        graph.consumers(node.output).empty())
      continue;
    replace_uses(graph, node.output, earlier.output);
    return true;
  }
  return changed;
}

/// Arithmetic with a line of constants on rows, as the ScaleShift that products take in.
bool to_scale_shift(Graph& graph, int at) {
  Graph::Node& node = graph.nodes[static_cast<std::size_t>(at)];
  const auto* b = std::get_if<ops::BinaryOp>(&node.op);
  if (!b || b->constant.data.empty() || shape_of(graph, node.output).rank() != 2 ||
      constant_kind(b->constant) == Kind::none ||
      !(shape_of(graph, node.inputs[0]) == shape_of(graph, node.output)))
    return false;
  const std::vector<float>& c = b->constant.data;
  const auto line = [&](float sign) {
    std::vector<float> result;
    for (const float v : c) result.push_back(sign * v);
    return result;
  };
  switch (b->function) {
    case ops::BinaryFunction::add:
      node.op = ops::ScaleShiftOp{{1.0f}, line(1.0f), {}};
      return true;
    case ops::BinaryFunction::sub:
      node.op = b->constant_first ? ops::ScaleShiftOp{{-1.0f}, line(1.0f), {}}
                                  : ops::ScaleShiftOp{{1.0f}, line(-1.0f), {}};
      return true;
    case ops::BinaryFunction::mul:
      node.op = ops::ScaleShiftOp{line(1.0f), {0.0f}, {}};
      return true;
    default:
      return false;
  }
}

}  // namespace

bool move_reshapes(Graph& graph) {
  if (graph.has_batch) return false;
  bool changed = false;
  for (int i = 0; i < static_cast<int>(graph.nodes.size()); ++i)
    changed = simplify_reshape(graph, i) || move_in_front(graph, i) || part_matrices(graph, i) ||
              keep_images(graph, i) || to_scale_shift(graph, i) || changed;
  return changed;
}

}  // namespace lowbit::detail
