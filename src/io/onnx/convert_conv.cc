// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"
#include "io/onnx/window.h"

namespace lowbit::onnx_import {

void convert_conv(NodeContext& node) {
  ops::Conv2dOp conv;
  // Before it is read: a constant may claim to be large.
  std::vector<std::int64_t> dims = node.constant(1).dims;
  if (is_1d(node) && dims.size() == 3) dims.insert(dims.begin() + 2, 1);
  if (dims.size() != 4 || node.constant(1).size() == 0)
    node.refuse(
        fmt::format("has a weight of {} dimensions or of no elements, which is no convolution of its input",
                    node.constant(1).dims.size()));
  const Shape weight(dims);
  const std::array<std::int64_t, 2> kernel{weight[2], weight[3]};
  if (node.has_attribute("kernel_shape") && kernel_shape(node) != kernel)
    node.reject(
        fmt::format("has a kernel_shape that differs from its weight of shape {}", weight.to_string()));
  conv.window = read_window(node, kernel);
  conv.groups = node.int_attribute("group", 1);
  const Shape& in = node.shape(0);
  if (conv.groups < 1 || conv.groups > in[0] || in[0] % conv.groups != 0 || weight[0] % conv.groups != 0 ||
      weight[1] != in[0] / conv.groups)
    node.reject(fmt::format("has a weight of shape {} and {} groups for a sample of shape {}",
                            weight.to_string(), conv.groups, in.to_string()));
  if (node.has_input(2) && static_cast<std::int64_t>(node.constant(2).size()) != weight[0])
    node.reject(
        fmt::format("has a bias of {} elements for {} output channels", node.constant(2).size(), weight[0]));
  conv.weight = Tensor(weight, float_vector(node, 1));
  if (node.has_input(2)) conv.bias = float_vector(node, 2);
  node.note_weights(1, 0);
  emit_windowed(node, std::move(conv));
}

}  // namespace lowbit::onnx_import
