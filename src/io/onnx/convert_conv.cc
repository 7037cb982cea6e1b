#include <fmt/format.h>

#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"
#include "io/onnx/window.h"

namespace lowbit::onnx_import {

void convert_conv(NodeContext& node) {
  ops::Conv2dOp conv;
  conv.weight = float_tensor(node, 1, is_1d(node) ? 3 : 4);
  if (is_1d(node)) {
    const Shape& w = conv.weight.shape;
    conv.weight.shape = Shape{w[0], w[1], 1, w[2]};
  }
  const Shape& weight = conv.weight.shape;
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
  // Before it is read: a constant may claim to be large.
  if (node.has_input(2) && static_cast<std::int64_t>(node.constant(2).size()) != weight[0])
    node.reject(
        fmt::format("has a bias of {} elements for {} output channels", node.constant(2).size(), weight[0]));
  if (node.has_input(2)) conv.bias = float_vector(node, 2);
  node.note_weights(1, 0);
  emit_windowed(node, std::move(conv));
}

}  // namespace lowbit::onnx_import
