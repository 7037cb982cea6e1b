// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/registry.h"
#include "io/onnx/window.h"

namespace lowbit::onnx_import {

void convert_max_pool(NodeContext& node) {
  if (node.int_attribute("storage_order", 0) != 0) node.refuse("is column-major (storage_order = 1)");
  ops::MaxPoolOp pool{read_window(node, kernel_shape(node)), node.int_attribute("ceil_mode", 0) != 0};
  emit_windowed(node, pool);
}

void convert_average_pool(NodeContext& node) {
  ops::AveragePoolOp pool{read_window(node, kernel_shape(node)), node.int_attribute("ceil_mode", 0) != 0,
                          node.int_attribute("count_include_pad", 0) != 0};
  emit_windowed(node, pool);
}

void convert_global_average_pool(NodeContext& node) {
  if (node.shape(0).rank() != 3 && !is_1d(node))
    node.refuse("reads a sample of shape " + node.shape(0).to_string() +
                "; C x W and C x H x W are supported");
  emit_windowed(node, ops::GlobalAveragePoolOp{});
}

}  // namespace lowbit::onnx_import
