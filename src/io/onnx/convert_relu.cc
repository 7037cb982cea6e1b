// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

void convert_relu(NodeContext& node) {
  node.emit(ops::ClampOp{{0.0f, std::numeric_limits<float>::infinity()}}, {node.value(0)});
}

void convert_clip(NodeContext& node) {
  ops::Activation a;
  if (node.opset() < 11) {
    a.lo = node.float_attribute("min", a.lo);
    a.hi = node.float_attribute("max", a.hi);
  } else {
    if (node.has_input(1)) a.lo = static_cast<float>(scalar(node, 1));
    if (node.has_input(2)) a.hi = static_cast<float>(scalar(node, 2));
  }
  if (std::isnan(a.lo) || std::isnan(a.hi)) node.refuse("limits to a range that is not a number");
  // ONNX: min(max(x, lo), hi), so that hi wins.
  if (a.lo > a.hi) a.lo = a.hi;
  node.emit(ops::ClampOp{a}, {node.value(0)});
}

}  // namespace lowbit::onnx_import
