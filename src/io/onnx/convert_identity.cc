// SPDX-License-Identifier: Apache-2.0
// Operators that change nothing at inference: they become no node.
#include <fmt/format.h>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

void convert_identity(NodeContext& node) {
  node.emit_alias(0);
}

void convert_dropout(NodeContext& node) {
  if (node.has_input(2) && scalar(node, 2) != 0) node.refuse("is in training mode");
  node.emit_alias(0);
}

void convert_cast(NodeContext& node) {
  const std::int64_t to = node.int_attribute("to", 0);
  const bool to_integer = to == onnx::TensorProto::INT64 || to == onnx::TensorProto::INT32;
  const bool to_float = to == onnx::TensorProto::FLOAT;
  const bool is_float = !node.is_constant(0) || !node.constant(0).is_integer;
  if ((is_float && to_float) || (!is_float && to_integer)) return node.emit_alias(0);
  node.refuse("changes the element type");
}

}  // namespace lowbit::onnx_import
