// SPDX-License-Identifier: Apache-2.0
// Reductions over axes of a sample. The mean over an image is a pool, which has an 8-bit form.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

namespace {

/// As the node has them. They became an input in opset 18 (13 for ReduceSum).
std::vector<std::int64_t> given_axes(const NodeContext& node, std::int64_t input_since) {
  if (node.opset() < input_since) return node.ints_attribute("axes", {});
  if (!node.has_input(1)) return {};
  if (!node.is_constant(1)) node.refuse("computes its axes");
  return node.integers(1);
}

/// Of the sample, ascending.
std::vector<std::int64_t> sample_axes(const NodeContext& node, const std::vector<std::int64_t>& given) {
  const std::int64_t rank = node.shape(0).rank() + 1;
  std::set<std::int64_t> axes;
  for (const std::int64_t axis : given) axes.insert(normalized_axis(node, axis, rank));
  if (axes.empty() || axes.contains(0)) node.refuse("goes over the batch");
  std::vector<std::int64_t> result;
  for (const std::int64_t axis : axes) result.push_back(axis - 1);
  return result;
}

void emit_reduction(NodeContext& node, ops::Reduction reduction, std::int64_t input_since = 18) {
  const std::vector<std::int64_t> given = given_axes(node, input_since);
  if (given.empty() && node.int_attribute("noop_with_empty_axes", 0) != 0) return node.emit_alias(0);
  std::vector<std::int64_t> axes = sample_axes(node, given);
  const bool keep = node.int_attribute("keepdims", 1) != 0;
  const Shape shape = node.shape(0);
  if (reduction == ops::Reduction::mean && keep && shape.rank() == 3 &&
      axes == std::vector<std::int64_t>{1, 2})
    return node.emit(ops::GlobalAveragePoolOp{}, {node.value(0)});
  if (!keep && static_cast<int>(axes.size()) == shape.rank()) node.refuse("leaves no dimension of a sample");
  node.emit(ops::ReduceOp{reduction, std::move(axes), keep}, {node.value(0)});
}

}  // namespace

void convert_reduce_l1(NodeContext& node) {
  emit_reduction(node, ops::Reduction::l1);
}
void convert_reduce_l2(NodeContext& node) {
  emit_reduction(node, ops::Reduction::l2);
}
void convert_reduce_log_sum(NodeContext& node) {
  emit_reduction(node, ops::Reduction::log_sum);
}
void convert_reduce_log_sum_exp(NodeContext& node) {
  emit_reduction(node, ops::Reduction::log_sum_exp);
}
void convert_reduce_max(NodeContext& node) {
  emit_reduction(node, ops::Reduction::max);
}
void convert_reduce_mean(NodeContext& node) {
  emit_reduction(node, ops::Reduction::mean);
}
void convert_reduce_min(NodeContext& node) {
  emit_reduction(node, ops::Reduction::min);
}
void convert_reduce_prod(NodeContext& node) {
  emit_reduction(node, ops::Reduction::prod);
}
void convert_reduce_sum(NodeContext& node) {
  emit_reduction(node, ops::Reduction::sum, 13);
}
void convert_reduce_sum_square(NodeContext& node) {
  emit_reduction(node, ops::Reduction::sum_square);
}

}  // namespace lowbit::onnx_import
