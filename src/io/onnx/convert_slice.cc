// SPDX-License-Identifier: Apache-2.0
// Slice and Concat: of values, along the axes of a sample, and of constant vectors (shapes).
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

namespace {

struct SliceSpec {
  std::vector<std::int64_t> starts, ends, axes, steps;
};

SliceSpec read_slice(const NodeContext& node, std::int64_t rank) {
  SliceSpec s;
  if (node.opset() < 10) {
    s.starts = node.ints_attribute("starts", {});
    s.ends = node.ints_attribute("ends", {});
    s.axes = node.ints_attribute("axes", {});
  } else {
    s.starts = node.integers(1);
    s.ends = node.integers(2);
    if (node.has_input(3)) s.axes = node.integers(3);
    if (node.has_input(4)) s.steps = node.integers(4);
  }
  if (s.axes.empty())
    for (std::size_t i = 0; i < s.starts.size(); ++i) s.axes.push_back(static_cast<std::int64_t>(i));
  if (s.steps.empty()) s.steps.assign(s.starts.size(), 1);
  if (s.ends.size() != s.starts.size() || s.axes.size() != s.starts.size() ||
      s.steps.size() != s.starts.size())
    node.reject("has starts, ends, axes and steps of different lengths");
  for (std::int64_t& axis : s.axes) axis = normalized_axis(node, axis, rank);
  for (const std::int64_t step : s.steps)
    if (step < 1) node.refuse(fmt::format("has the step {}; only positive steps are supported", step));
  return s;
}

struct Run {
  std::int64_t start, step, size;
};

/// What starts[i], ends[i] and steps[i] select of an axis with `dim` elements: counted from the end where
/// negative, then limited.
Run selected(const SliceSpec& s, std::size_t i, std::int64_t dim) {
  const auto limited = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + dim : at, 0, dim);
  };
  const std::int64_t start = limited(s.starts[i]), end = limited(s.ends[i]);
  const std::int64_t step = std::min(s.steps[i], dim + 1);
  return {start, step, end > start ? (end - start + step - 1) / step : 0};
}

void slice_constant(NodeContext& node) {
  const std::vector<std::int64_t> data = node.integers(0);
  const SliceSpec s = read_slice(node, 1);
  if (s.axes.size() != 1 || node.constant(0).dims.size() != 1)
    node.refuse("slices a constant that is not a vector");
  const Run run = selected(s, 0, static_cast<std::int64_t>(data.size()));
  Constant result{{run.size}, true, {}, {}};
  for (std::int64_t i = 0; i < run.size; ++i)
    result.integers.push_back(data[static_cast<std::size_t>(run.start + i * run.step)]);
  node.emit_constant(std::move(result));
}

void concat_constants(NodeContext& node) {
  Constant result{{0}, true, {}, {}};
  for (int i = 0; i < node.input_count(); ++i) {
    const std::vector<std::int64_t> part = node.integers(i);
    result.integers.insert(result.integers.end(), part.begin(), part.end());
  }
  if (result.integers.size() > 64) node.refuse("joins constants that are no shapes");
  result.dims[0] = static_cast<std::int64_t>(result.integers.size());
  node.emit_constant(std::move(result));
}

}  // namespace

void convert_slice(NodeContext& node) {
  if (node.is_constant(0)) return slice_constant(node);
  const Shape& shape = node.shape(0);
  const SliceSpec s = read_slice(node, shape.rank() + 1);
  const int batch = node.batch_axis(0);
  ops::SliceOp op{std::vector<std::int64_t>(static_cast<std::size_t>(shape.rank()), 0),
                  std::vector<std::int64_t>(static_cast<std::size_t>(shape.rank()), 1),
                  {shape.dims().begin(), shape.dims().end()}};
  for (std::size_t i = 0; i < s.axes.size(); ++i) {
    if (s.axes[i] == batch) {
      // The batch is open: only a slice that takes all of any batch leaves it alone.
      if (s.starts[i] != 0 || s.steps[i] != 1 || s.ends[i] < std::int64_t{1} << 30)
        node.refuse("slices the batch");
      continue;
    }
    const auto axis = static_cast<std::size_t>(s.axes[i] - (s.axes[i] > batch));
    const Run run = selected(s, i, shape[static_cast<int>(axis)]);
    if (run.size == 0) node.refuse(fmt::format("selects nothing of axis {}", s.axes[i]));
    op.starts[axis] = run.start;
    op.steps[axis] = run.step;
    op.sizes[axis] = run.size;
  }
  if (std::ranges::equal(op.sizes, shape.dims())) return node.emit_alias(0);
  node.emit(std::move(op), {node.moved_value(0)}, batch);
}

void convert_concat(NodeContext& node) {
  if (node.input_count() == 0) node.reject("has no inputs");
  bool all_constant = true;
  for (int i = 0; i < node.input_count(); ++i) all_constant = all_constant && node.is_constant(i);
  if (all_constant) return concat_constants(node);
  if (node.opset() >= 4 && !node.has_attribute("axis")) node.reject("has no axis");
  const Shape& first = node.shape(0);
  const std::int64_t axis = normalized_axis(node, node.int_attribute("axis", 1), first.rank() + 1);
  if (axis == 0) node.refuse("joins samples along the batch");
  std::vector<ValueId> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    bool fits = node.shape(i).rank() == first.rank();
    for (int d = 0; fits && d < first.rank(); ++d) fits = d == axis - 1 || node.shape(i)[d] == first[d];
    if (!fits)
      node.reject(fmt::format("joins shapes {} and {} along axis {}", first.to_string(),
                              node.shape(i).to_string(), axis));
    inputs.push_back(node.value(i));
  }
  if (inputs.size() == 1) return node.emit_alias(0);
  node.emit(ops::ConcatOp{axis - 1}, std::move(inputs));
}

}  // namespace lowbit::onnx_import
