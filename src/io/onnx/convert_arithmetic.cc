// Add, Sub, Mul, Div. With a constant: a ScaleShift, which fuse() folds into its neighbours. Two values: Add.
// Two integer constants (arithmetic on shapes): computed here.
#include <fmt/format.h>

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

/// The constant as one element, or one per channel of the other operand.
std::vector<double> per_channel(const NodeContext& node, int i, const Shape& sample) {
  const Constant& c = node.constant(i);
  if (c.is_integer || c.size() == 0) node.reject(fmt::format("needs floats in '{}'", node.proto().input(i)));
  const int value_rank = sample.rank() + 1, rank = static_cast<int>(c.dims.size());
  const int axis = channel_axis(sample) + 1;
  bool ok = true;
  for (int d = 0; d < rank; ++d) {
    const std::int64_t size = c.dims[static_cast<std::size_t>(d)];
    const int aligned = d + value_rank - rank;  // numpy aligns shapes at their ends
    ok = ok && (aligned == axis ? size == 1 || size == sample[axis - 1] : aligned >= 0 && size == 1);
  }
  if (!ok)
    node.refuse(
        fmt::format("combines a sample of shape {} with the constant '{}', which is neither a scalar nor one "
                    "number per channel",
                    sample.to_string(), node.proto().input(i)));
  return c.doubles();
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

/// Emits value i times scale plus shift, both a function of the constant operand's elements.
template <class F>
void emit_line(NodeContext& node, int value, F line) {
  const std::vector<double> constants = per_channel(node, 1 - value, node.shape(value));
  ops::ScaleShiftOp op;
  for (const double c : constants) {
    const Line l = line(c);
    if (!std::isfinite(l.scale) || !std::isfinite(l.shift))
      node.refuse("has a constant that gives no finite result");
    op.scale.push_back(static_cast<float>(l.scale));
    op.shift.push_back(static_cast<float>(l.shift));
  }
  node.emit(std::move(op), {node.value(value)});
}

bool both_constant(const NodeContext& node) {
  return node.is_constant(0) && node.is_constant(1);
}

}  // namespace

void convert_add(NodeContext& node) {
  require_modern_broadcast(node);
  if (both_constant(node)) return fold_integers(node, [](std::int64_t a, std::int64_t b) { return a + b; });
  if (node.is_constant(0) || node.is_constant(1))
    return emit_line(node, node.is_constant(0) ? 1 : 0, [](double c) { return Line{1.0, c}; });
  if (node.shape(0) != node.shape(1))
    node.refuse(fmt::format("adds values of shapes {} and {}; only equal shapes are supported",
                            node.shape(0).to_string(), node.shape(1).to_string()));
  node.emit(ops::AddOp{}, {node.value(0), node.value(1)});
}

void convert_sub(NodeContext& node) {
  require_modern_broadcast(node);
  if (both_constant(node)) return fold_integers(node, [](std::int64_t a, std::int64_t b) { return a - b; });
  if (node.is_constant(0)) return emit_line(node, 1, [](double c) { return Line{-1.0, c}; });
  if (!node.is_constant(1)) node.refuse("subtracts two computed values; one has to be a constant");
  emit_line(node, 0, [](double c) { return Line{1.0, -c}; });
}

void convert_mul(NodeContext& node) {
  require_modern_broadcast(node);
  if (both_constant(node)) return fold_integers(node, [](std::int64_t a, std::int64_t b) { return a * b; });
  if (!node.is_constant(0) && !node.is_constant(1))
    node.refuse("multiplies two computed values; one has to be a constant");
  emit_line(node, node.is_constant(0) ? 1 : 0, [](double c) { return Line{c, 0.0}; });
}

void convert_div(NodeContext& node) {
  require_modern_broadcast(node);
  if (both_constant(node))
    return fold_integers(node, [](std::int64_t a, std::int64_t b) { return b == 0 ? 0 : a / b; });
  if (node.is_constant(0)) node.refuse("divides by a computed value");
  if (!node.is_constant(1)) node.refuse("divides two computed values; the divisor has to be a constant");
  emit_line(node, 0, [](double c) { return Line{1.0 / c, 0.0}; });
}

}  // namespace lowbit::onnx_import
