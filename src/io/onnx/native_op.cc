// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/native_op.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "io/onnx/array_node.h"

namespace lowbit::onnx_import {
namespace {

using ops::ArrayOp;
using Axes = std::vector<std::int64_t>;

bool is_value(const ArrayOp& op, std::size_t i) {
  return i < op.sources.size() && op.sources[i] == ArrayOp::kValue;
}

/// Its first input is a value, and no other one is.
bool is_unary(const ArrayOp& op) {
  return is_value(op, 0) && op.elements.size() == 1;
}

std::int64_t from_front(std::int64_t axis, int rank) {
  return axis < 0 ? axis + rank : axis;
}

std::optional<ops::Op> reshape(const ArrayOp& op, std::span<const Shape>, const Shape& output) {
  if (!is_unary(op)) return std::nullopt;
  return ops::ReshapeOp{{output.dims().begin(), output.dims().end()}};
}

std::optional<ops::Op> transpose(const ArrayOp& op, std::span<const Shape> inputs, const Shape&) {
  ops::TransposeOp result;
  if (const ArrayAttribute* perm = find_attribute(op, "perm"))
    result.axes = perm->integers;
  else
    for (int axis = inputs[0].rank(); axis-- > 0;) result.axes.push_back(axis);
  return result;
}

std::optional<ops::Op> matmul(const ArrayOp& op, std::span<const Shape> inputs, const Shape&) {
  if (op.elements.size() != 2 || inputs[0].rank() != inputs[1].rank() || inputs[0].rank() < 2)
    return std::nullopt;
  return ops::MatMulOp{};
}

std::optional<ops::Op> softmax(const ArrayOp& op, std::span<const Shape> inputs, const Shape&) {
  const int rank = inputs[0].rank();
  const std::int64_t axis = from_front(integer(op, "axis", op.opset < 13 ? 1 : -1), rank);
  // Before opset 13 all axes from this one on are one.
  if (op.opset < 13 && axis != rank - 1) return std::nullopt;
  return ops::SoftmaxOp{axis};
}

std::optional<ops::Op> mean(const ArrayOp& op, std::span<const Shape> inputs, const Shape&) {
  const int rank = inputs[0].rank();
  Axes given;
  if (const ArrayAttribute* axes = find_attribute(op, "axes")) given = axes->integers;
  if (const arrays::Array* axes = constant_input(op, 1)) given = axes->integers;
  if (!is_unary(op) || given.empty()) return std::nullopt;
  std::set<std::int64_t> axes;
  for (const std::int64_t axis : given) axes.insert(from_front(axis, rank));
  const bool keep = integer(op, "keepdims", 1) != 0;
  if (!keep && static_cast<int>(axes.size()) == rank) return std::nullopt;
  return ops::ReduceOp{ops::Reduction::mean, {axes.begin(), axes.end()}, keep};
}

std::optional<ops::Op> power(const ArrayOp& op, std::span<const Shape> inputs, const Shape& output) {
  const arrays::Array* exponent = constant_input(op, 1);
  if (!is_value(op, 0) || !exponent || !(inputs[0] == output)) return std::nullopt;
  if (exponent->floats.size() != 1 && exponent->integers.size() != 1) return std::nullopt;
  ops::FunctionOp result;
  result.function = ops::Function::power;
  result.alpha = exponent->floats.empty() ? static_cast<float>(exponent->integers[0]) : exponent->floats[0];
  return result;
}

/// The elements of input i, a constant line along the last axis; nothing where it is something else.
std::optional<std::vector<float>> line(const ArrayOp& op, std::size_t i, const Shape& shape) {
  const arrays::Array* c = constant_input(op, i);
  const std::int64_t n = shape[shape.rank() - 1];
  if (!c || static_cast<std::int64_t>(c->floats.size()) != n || c->type.shape.rank() != 1)
    return std::nullopt;
  return c->floats;
}

std::optional<ops::Op> normalization(const ArrayOp& op, std::span<const Shape> inputs, bool is_centred) {
  const Shape& shape = inputs[0];
  if (!is_unary(op) || from_front(integer(op, "axis", -1), shape.rank()) != shape.rank() - 1)
    return std::nullopt;
  ops::LayerNormOp result;
  result.is_centred = is_centred;
  if (const ArrayAttribute* epsilon = find_attribute(op, "epsilon"); epsilon && epsilon->floats.size() == 1)
    result.epsilon = epsilon->floats[0];
  const auto scale = line(op, 1, shape);
  if (!scale) return std::nullopt;
  result.scale = *scale;
  if (op.sources.size() > 2 && op.sources[2] != ArrayOp::kLeftOut) {
    const auto shift = line(op, 2, shape);
    if (!shift) return std::nullopt;
    result.shift = *shift;
  }
  return result;
}

std::optional<ops::Op> layer_norm(const ArrayOp& op, std::span<const Shape> inputs, const Shape&) {
  return normalization(op, inputs, true);
}

std::optional<ops::Op> rms_norm(const ArrayOp& op, std::span<const Shape> inputs, const Shape&) {
  return normalization(op, inputs, false);
}

/// Rows of a constant table.
std::optional<ops::Op> gather(const ArrayOp& op, std::span<const Shape> inputs) {
  const arrays::Array* table = constant_input(op, 0);
  if (!table || table->type.element != ElementType::f32 || table->type.shape.rank() != 2 ||
      table->type.shape.elements() == 0 || !is_value(op, 1) || is_float(op.elements[0]) ||
      from_front(integer(op, "axis", 0), 2) != 0 || inputs[0].rank() >= Shape::kMaxRank)
    return std::nullopt;
  return ops::EmbeddingOp{Tensor(table->type.shape, table->floats)};
}

/// Elements [start, start + sizes[axis]) of one axis, all of the others.
ops::SliceOp slice_of(const Shape& shape, int axis, std::int64_t start, std::int64_t size) {
  ops::SliceOp result;
  result.starts.assign(static_cast<std::size_t>(shape.rank()), 0);
  result.steps.assign(static_cast<std::size_t>(shape.rank()), 1);
  result.sizes.assign(shape.dims().begin(), shape.dims().end());
  result.starts[static_cast<std::size_t>(axis)] = start;
  result.sizes[static_cast<std::size_t>(axis)] = size;
  return result;
}

/// One place of an axis; that the axis is then gone is left to the caller.
std::optional<ops::Op> gather_one(const ArrayOp& op, const Shape& shape) {
  const arrays::Array* place = constant_input(op, 1);
  if (!is_unary(op) || !is_float(op.elements[0]) || !place || place->integers.size() != 1 ||
      shape.rank() == 0)
    return std::nullopt;
  const auto axis = static_cast<int>(from_front(integer(op, "axis", 0), shape.rank()));
  const std::int64_t at = from_front(place->integers[0], static_cast<int>(shape[axis]));
  if (at < 0 || at >= shape[axis]) return std::nullopt;
  return slice_of(shape, axis, at, 1);
}

/// A list of integers: a constant input, or an attribute of older operator sets.
std::optional<Axes> integers(const ArrayOp& op, std::size_t input, std::string_view name) {
  if (const arrays::Array* c = constant_input(op, input)) return c->integers;
  if (const ArrayAttribute* a = find_attribute(op, name)) return a->integers;
  return std::nullopt;
}

std::optional<ops::Op> slice(const ArrayOp& op, std::span<const Shape> inputs, const Shape& output) {
  const Shape& shape = inputs[0];
  const std::optional<Axes> starts = integers(op, 1, "starts");
  if (!is_unary(op) || !starts) return std::nullopt;
  std::optional<Axes> axes = integers(op, 3, "axes"), steps = integers(op, 4, "steps");
  ops::SliceOp result = slice_of(shape, 0, 0, output[0]);
  result.sizes.assign(output.dims().begin(), output.dims().end());
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const std::int64_t axis = from_front(axes ? axes->at(i) : static_cast<std::int64_t>(i), shape.rank());
    const std::int64_t step = steps ? steps->at(i) : 1, dim = shape[static_cast<int>(axis)];
    if (step < 1) return std::nullopt;
    const std::int64_t start = (*starts)[i] < 0 ? (*starts)[i] + dim : (*starts)[i];
    result.starts[static_cast<std::size_t>(axis)] = std::clamp<std::int64_t>(start, 0, dim);
    result.steps[static_cast<std::size_t>(axis)] = step;
  }
  return result;
}

std::optional<ops::Op> split(const ArrayOp& op, std::span<const Shape> inputs, const Shape& output) {
  const Shape& shape = inputs[0];
  const auto axis = static_cast<int>(from_front(integer(op, "axis", 0), shape.rank()));
  if (!is_unary(op)) return std::nullopt;
  std::int64_t start = 0;
  if (const std::optional<Axes> sizes = integers(op, 1, "split"))
    for (std::int64_t i = 0; i < op.output; ++i) start += sizes->at(static_cast<std::size_t>(i));
  else
    start = op.output * ((shape[axis] + op.outputs - 1) / op.outputs);
  return slice_of(shape, axis, start, output[axis]);
}

std::optional<ops::Op> concat(const ArrayOp& op, std::span<const Shape> inputs, const Shape&) {
  if (op.elements.size() != op.sources.size() || inputs.size() < 2) return std::nullopt;
  return ops::ConcatOp{from_front(integer(op, "axis", 1), inputs[0].rank())};
}

struct Native {
  std::string_view function;
  std::optional<ops::Op> (*make)(const ArrayOp&, std::span<const Shape>, const Shape&);
};

constexpr Native kNatives[] = {
    {"Concat", concat},       {"Flatten", reshape},   {"LayerNormalization", layer_norm},
    {"MatMul", matmul},       {"Pow", power},         {"RMSNormalization", rms_norm},
    {"ReduceMean", mean},     {"Reshape", reshape},   {"Slice", slice},
    {"Softmax", softmax},     {"Split", split},       {"Squeeze", reshape},
    {"Transpose", transpose}, {"Unsqueeze", reshape},
};

}  // namespace

std::optional<ops::Op> native_op(const ArrayOp& op, std::span<const Shape> inputs, const Shape& output) {
  if (op.function == "Gather" && op.outputs == 1 && inputs.size() == 1 && output.elements() > 0)
    return is_value(op, 0) ? gather_one(op, inputs[0]) : gather(op, inputs);
  const auto row = std::ranges::find(kNatives, op.function, &Native::function);
  if (row == std::end(kNatives) || (op.outputs != 1 && op.function != "Split") || inputs.empty() ||
      output.elements() == 0)
    return std::nullopt;
  for (const ElementType element : op.elements)
    if (!is_float(element) || element != op.result) return std::nullopt;
  for (const Shape& shape : inputs)
    if (shape.rank() == 0 || shape.elements() == 0) return std::nullopt;
  return row->make(op, inputs, output);
}

}  // namespace lowbit::onnx_import
