// SPDX-License-Identifier: Apache-2.0
// Flatten, Reshape, Squeeze, Unsqueeze: of values, as long as the batch stays what it is, and of constants.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

namespace {

void emit_reshape(NodeContext& node, const std::vector<std::int64_t>& sample, int batch_axis = 0) {
  const Shape& from = node.shape(0);
  if (sample.empty() || sample.size() >= static_cast<std::size_t>(Shape::kMaxRank))
    node.refuse(fmt::format("gives a sample of {} dimensions; 1 to {} are supported", sample.size(),
                            Shape::kMaxRank - 1));
  if (std::ranges::equal(from.dims(), sample)) return node.emit_moved_alias(0, batch_axis);
  if (sample.size() == 1) return node.emit(ops::FlattenOp{}, {node.moved_value(0)}, batch_axis);
  node.emit(ops::ReshapeOp{sample}, {node.moved_value(0)}, batch_axis);
}

/// Fills in 0 (the input's dimension) and -1 (what is left) of a Reshape; `first` is the first index that
/// counts.
std::vector<std::int64_t> resolved(const NodeContext& node, std::vector<std::int64_t> target,
                                   std::size_t first, const std::vector<std::int64_t>& from,
                                   std::int64_t elements) {
  if (target.size() > 8) node.refuse(fmt::format("gives {} dimensions", target.size()));
  std::int64_t known = 1, open = -1;
  for (std::size_t i = first; i < target.size(); ++i) {
    if (target[i] == kBatchDim) node.refuse("moves the batch to another place");
    if (target[i] == 0) {
      if (node.int_attribute("allowzero", 0) != 0 || i >= from.size())
        node.refuse("gives an empty dimension");
      target[i] = from[i];
    }
    if (target[i] == -1 && open < 0) {
      open = static_cast<std::int64_t>(i);
    } else {
      if (target[i] < 1) node.reject(fmt::format("gives the dimension {}", target[i]));
      if (target[i] > elements / known)
        node.refuse(fmt::format("cannot give a shape with more elements than the {} there are", elements));
      known *= target[i];
    }
  }
  if (open >= 0) {
    target[static_cast<std::size_t>(open)] = elements / known;
    known *= elements / known;
  }
  if (known != elements)
    node.refuse(
        fmt::format("gives {} elements for {}, which would mix the samples of a batch", known, elements));
  return {target.begin() + static_cast<std::ptrdiff_t>(first), target.end()};
}

void reshape_constant(NodeContext& node, const std::vector<std::int64_t>& target) {
  Constant c = node.constant(0);
  if (c.size() == 0) node.refuse("reshapes an empty constant");
  c.dims = resolved(node, target, 0, c.dims, static_cast<std::int64_t>(c.size()));
  node.emit_constant(std::move(c));
}

/// axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since; counted in `rank` dimensions.
std::set<std::int64_t> read_axes(const NodeContext& node, std::int64_t rank) {
  const std::vector<std::int64_t> axes = node.opset() < 13   ? node.ints_attribute("axes", {})
                                         : node.has_input(1) ? node.integers(1)
                                                             : std::vector<std::int64_t>{};
  std::set<std::int64_t> result;
  for (const std::int64_t a : axes) result.insert(normalized_axis(node, a, rank));
  return result;
}

std::int64_t axis_count(const NodeContext& node) {
  if (node.opset() < 13) return static_cast<std::int64_t>(node.ints_attribute("axes", {}).size());
  return node.has_input(1) ? static_cast<std::int64_t>(node.integers(1).size()) : 0;
}

/// All dimensions of input 0, the batch as kBatchDim.
std::vector<std::int64_t> all_dims(const NodeContext& node) {
  if (node.is_constant(0)) return node.constant(0).dims;
  const Shape shape = node.shape(0);
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims.insert(dims.begin() + node.batch_axis(0), kBatchDim);
  return dims;
}

void emit_dims(NodeContext& node, std::vector<std::int64_t> dims) {
  if (node.is_constant(0)) {
    Constant c = node.constant(0);
    c.dims = std::move(dims);
    return node.emit_constant(std::move(c));
  }
  const auto batch = std::find(dims.begin(), dims.end(), kBatchDim);
  const auto batch_axis = static_cast<int>(batch - dims.begin());
  dims.erase(batch);
  emit_reshape(node, dims, batch_axis);
}

}  // namespace

void convert_flatten(NodeContext& node) {
  static_cast<void>(node.value(0));  // refuses a batch that is elsewhere
  const Shape& shape = node.shape(0);
  const std::int64_t rank = shape.rank() + 1;
  const std::int64_t given = node.int_attribute("axis", 1);
  const std::int64_t axis = given == rank ? rank : normalized_axis(node, given, rank);
  // Dimensions between the batch and the axis would join the batch, which is right only where they are 1.
  bool keeps_batch = axis >= 1;
  for (std::int64_t d = 1; d < axis; ++d) keeps_batch = keeps_batch && shape[static_cast<int>(d) - 1] == 1;
  if (!keeps_batch) node.refuse(fmt::format("has the axis {}; only 1 is supported", given));
  emit_reshape(node, {shape.elements()});
}

void convert_reshape(NodeContext& node) {
  const std::vector<std::int64_t> target =
      node.opset() < 5 ? node.ints_attribute("shape", {}) : node.integers(1);
  if (node.is_constant(0)) return reshape_constant(node, target);
  static_cast<void>(node.value(0));
  const Shape& shape = node.shape(0);
  std::vector<std::int64_t> from{kBatchDim};
  from.insert(from.end(), shape.dims().begin(), shape.dims().end());
  const bool keeps_batch = !target.empty() && (target[0] == kBatchDim || target[0] == 0 || target[0] == -1 ||
                                               (target[0] > 0 && target[0] == node.fixed_batch()));
  if (target.size() < 2 || !keeps_batch) node.refuse("does not keep the batch as the first dimension");
  emit_reshape(node, resolved(node, target, 1, from, shape.elements()));
}

void convert_squeeze(NodeContext& node) {
  const std::vector<std::int64_t> from = all_dims(node);
  const std::set<std::int64_t> axes = read_axes(node, static_cast<std::int64_t>(from.size()));
  if (axes.empty()) node.refuse("has no axes");
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!axes.contains(static_cast<std::int64_t>(i)))
      dims.push_back(from[i]);
    else if (from[i] != 1)
      node.refuse(from[i] == kBatchDim ? "removes the batch"
                                       : fmt::format("removes a dimension of {}", from[i]));
  }
  emit_dims(node, std::move(dims));
}

void convert_unsqueeze(NodeContext& node) {
  const std::vector<std::int64_t> from = all_dims(node);
  const std::int64_t rank = static_cast<std::int64_t>(from.size()) + axis_count(node);
  if (rank > 8) node.refuse(fmt::format("gives {} dimensions", rank));
  const std::set<std::int64_t> axes = read_axes(node, rank);
  if (static_cast<std::int64_t>(axes.size()) != axis_count(node)) node.reject("names an axis twice");
  std::vector<std::int64_t> dims;
  std::size_t next = 0;
  for (std::int64_t i = 0; i < rank; ++i) dims.push_back(axes.contains(i) ? 1 : from[next++]);
  emit_dims(node, std::move(dims));
}

}  // namespace lowbit::onnx_import
