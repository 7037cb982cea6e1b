// SPDX-License-Identifier: Apache-2.0
// Add, Sub, Mul, Div. With a constant: a ScaleShift, which fuse() folds into its neighbours. Two values: Add.
// Two integer constants (arithmetic on shapes): computed here.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

namespace {

constexpr std::int64_t kMostInteger = std::int64_t{1} << 31;

/// Opsets before 7 broadcast only when told to, from `axis` on.
void require_modern_broadcast(const NodeContext& node) {
  if (node.opset() < 7 && (node.has_attribute("axis") || node.int_attribute("broadcast", 0) != 0))
    node.refuse("broadcasts in the way of opsets before 7");
}

const Constant& float_constant(const NodeContext& node, int i) {
  const Constant& c = node.constant(i);
  if (c.is_integer || c.size() == 0) node.reject(fmt::format("needs floats in '{}'", node.proto().input(i)));
  return c;
}

/// Whether a constant is one element, or one per channel of the other operand.
bool is_per_channel(const Constant& c, const Shape& sample) {
  const int value_rank = sample.rank() + 1, rank = static_cast<int>(c.dims.size());
  const int axis = channel_axis(sample) + 1;
  bool ok = true;
  for (int d = 0; d < rank; ++d) {
    const std::int64_t size = c.dims[static_cast<std::size_t>(d)];
    const int aligned = d + value_rank - rank;  // numpy aligns shapes at their ends
    ok = ok && (aligned == axis ? size == 1 || size == sample[axis - 1] : aligned >= 0 && size == 1);
  }
  return ok;
}

/// A constant with as many dimensions as the sample that it is combined with.
Tensor sample_constant(const NodeContext& node, int i, int rank) {
  std::vector<std::int64_t> dims = float_constant(node, i).dims;
  if (static_cast<int>(dims.size()) == rank + 1 && dims[0] == 1) dims.erase(dims.begin());
  if (static_cast<int>(dims.size()) > rank)
    node.refuse(fmt::format("combines a sample of {} dimensions with the constant '{}' of {}", rank,
                            node.proto().input(i), dims.size()));
  dims.insert(dims.begin(), static_cast<std::size_t>(rank) - dims.size(), 1);
  return Tensor(Shape(dims), float_vector(node, i));
}

/// Two values, or a value and a constant that no ScaleShift can hold.
void emit_binary(NodeContext& node, ops::BinaryFunction function) {
  const bool first = node.is_constant(0), second = node.is_constant(1);
  if (!first && !second) {
    if (node.shape(0).rank() != node.shape(1).rank())
      node.refuse(fmt::format("combines samples of shapes {} and {}; as many dimensions are supported",
                              node.shape(0).to_string(), node.shape(1).to_string()));
    return node.emit(ops::BinaryOp{function}, {node.value(0), node.value(1)});
  }
  const int value = first ? 1 : 0;
  ops::BinaryOp op{function, sample_constant(node, 1 - value, node.shape(value).rank()), first};
  node.emit(std::move(op), {node.value(value)});
}

void fold_integers(NodeContext& node, std::int64_t (*compute)(std::int64_t, std::int64_t)) {
  const Constant &a = node.constant(0), &b = node.constant(1);
  const auto usable = [](const Constant& c) {
    for (const std::int64_t v : c.integers)
      if (v == kBatchDim || v > kMostInteger || v < -kMostInteger) return false;
    return c.is_integer && c.size() > 0;
  };
  if (!usable(a) || !usable(b) || (a.size() != 1 && b.size() != 1 && a.dims != b.dims))
    node.refuse("combines two constants that are not plain sizes of a sample");
  const Constant& longer = a.size() >= b.size() ? a : b;
  Constant result{longer.dims, true, {}, std::vector<std::int64_t>(longer.size())};
  for (std::size_t i = 0; i < result.integers.size(); ++i)
    result.integers[i] = compute(a.integers[a.size() == 1 ? 0 : i], b.integers[b.size() == 1 ? 0 : i]);
  node.emit_constant(std::move(result));
}

struct Line {
  double scale, shift;
};

/// Emits value i times scale plus shift, both a function of the constant operand's elements, or where these
/// are more than one for each channel, the operation itself.
template <class F>
void emit_line(NodeContext& node, int value, ops::BinaryFunction function, F line) {
  const Constant& constant = float_constant(node, 1 - value);
  if (!is_per_channel(constant, node.shape(value))) return emit_binary(node, function);
  ops::ScaleShiftOp op;
  for (const double c : constant.doubles()) {
    const Line l = line(c);
    if (!std::isfinite(l.scale) || !std::isfinite(l.shift))
      node.refuse("has a constant that gives no finite result");
    op.scale.push_back(static_cast<float>(l.scale));
    op.shift.push_back(static_cast<float>(l.shift));
  }
  const auto all = [](const std::vector<float>& v, float x) {
    return std::all_of(v.begin(), v.end(), [&](float f) { return f == x; });
  };
  if (all(op.scale, 1.0f) && all(op.shift, 0.0f)) return node.emit_alias(value);
  node.emit(std::move(op), {node.value(value)});
}

bool both_constant(const NodeContext& node) {
  return node.is_constant(0) && node.is_constant(1);
}

/// The first `count` inputs, which are values of one rank, from the left: f(f(a, b), c).
ValueId folded(NodeContext& node, ops::BinaryFunction function, int count) {
  ValueId so_far = node.value(0);
  for (int i = 1; i < count; ++i) {
    if (node.shape(i).rank() != node.shape(0).rank()) node.refuse("combines samples of different ranks");
    so_far = node.emit_inner(fmt::format("/{}", i), ops::BinaryOp{function}, {so_far, node.value(i)});
  }
  return so_far;
}

/// Of all inputs; two may be a value and a constant.
void emit_folded(NodeContext& node, ops::BinaryFunction function) {
  const int last = node.input_count() - 1;
  if (last < 0) node.reject("has no inputs");
  if (last == 0) return node.emit_alias(0);
  if (last == 1) return emit_binary(node, function);
  const ValueId so_far = folded(node, function, last);
  if (node.shape(last).rank() != node.shape(0).rank()) node.refuse("combines samples of different ranks");
  node.emit(ops::BinaryOp{function}, {so_far, node.value(last)});
}

}  // namespace

void convert_add(NodeContext& node) {
  using enum ops::BinaryFunction;
  require_modern_broadcast(node);
  if (both_constant(node)) return fold_integers(node, [](std::int64_t a, std::int64_t b) { return a + b; });
  if (node.is_constant(0) || node.is_constant(1))
    return emit_line(node, node.is_constant(0) ? 1 : 0, add, [](double c) { return Line{1.0, c}; });
  if (node.shape(0) != node.shape(1)) return emit_binary(node, add);
  node.emit(ops::AddOp{}, {node.value(0), node.value(1)});
}

void convert_sub(NodeContext& node) {
  using enum ops::BinaryFunction;
  require_modern_broadcast(node);
  if (both_constant(node)) return fold_integers(node, [](std::int64_t a, std::int64_t b) { return a - b; });
  if (node.is_constant(0)) return emit_line(node, 1, sub, [](double c) { return Line{-1.0, c}; });
  if (!node.is_constant(1)) return emit_binary(node, sub);
  emit_line(node, 0, sub, [](double c) { return Line{1.0, -c}; });
}

void convert_mul(NodeContext& node) {
  using enum ops::BinaryFunction;
  require_modern_broadcast(node);
  if (both_constant(node)) return fold_integers(node, [](std::int64_t a, std::int64_t b) { return a * b; });
  if (!node.is_constant(0) && !node.is_constant(1)) return emit_binary(node, mul);
  emit_line(node, node.is_constant(0) ? 1 : 0, mul, [](double c) { return Line{c, 0.0}; });
}

void convert_div(NodeContext& node) {
  using enum ops::BinaryFunction;
  require_modern_broadcast(node);
  if (both_constant(node))
    return fold_integers(node, [](std::int64_t a, std::int64_t b) { return b == 0 ? 0 : a / b; });
  if (node.is_constant(0) || !node.is_constant(1)) return emit_binary(node, div);
  emit_line(node, 0, div, [](double c) { return Line{1.0 / c, 0.0}; });
}

void convert_max(NodeContext& node) {
  emit_folded(node, ops::BinaryFunction::max);
}

void convert_min(NodeContext& node) {
  emit_folded(node, ops::BinaryFunction::min);
}

/// Two of one shape are an Add, which a convolution can take over.
void convert_sum(NodeContext& node) {
  if (node.input_count() == 2 && !node.is_constant(0) && !node.is_constant(1)) return convert_add(node);
  emit_folded(node, ops::BinaryFunction::add);
}

void convert_mean(NodeContext& node) {
  if (node.input_count() == 0) node.reject("has no inputs");
  if (node.input_count() == 1) return node.emit_alias(0);
  const ValueId sum = folded(node, ops::BinaryFunction::add, node.input_count());
  node.emit(ops::ScaleShiftOp{{1.0f / static_cast<float>(node.input_count())}, {0.0f}, {}}, {sum});
}

}  // namespace lowbit::onnx_import
