// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

namespace {

/// Before opset 13 Softmax goes over all axes from `axis` on, as one.
void convert_coerced(NodeContext& node) {
  const Shape& shape = node.shape(0);
  const std::int64_t axis = normalized_axis(node, node.int_attribute("axis", 1), shape.rank() + 1);
  if (axis == 0) node.refuse("goes over the batch");
  int longer_axes = 0, longer_axis = static_cast<int>(axis) - 1;
  for (int d = static_cast<int>(axis) - 1; d < shape.rank(); ++d)
    if (shape[d] != 1) {
      ++longer_axes;
      longer_axis = d;
    }
  if (longer_axes <= 1) return node.emit(ops::SoftmaxOp{longer_axis}, {node.value(0)});
  if (axis != 1)
    node.refuse(
        fmt::format("goes over the axes from {} on of a sample of shape {}", axis, shape.to_string()));
  const ValueId flat = node.emit_inner("/flatten", ops::FlattenOp{}, {node.value(0)});
  const ValueId softmax = node.emit_inner("/softmax", ops::SoftmaxOp{0}, {flat});
  node.emit(ops::ReshapeOp{{shape.dims().begin(), shape.dims().end()}}, {softmax});
}

}  // namespace

void convert_softmax(NodeContext& node) {
  if (node.opset() < 13) return convert_coerced(node);
  const std::int64_t rank = node.shape(0).rank() + 1;
  const std::int64_t axis = normalized_axis(node, node.int_attribute("axis", -1), rank);
  if (axis == 0) node.refuse("goes over the batch");
  node.emit(ops::SoftmaxOp{axis - 1}, {node.value(0)});
}

}  // namespace lowbit::onnx_import
