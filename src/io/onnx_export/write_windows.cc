// SPDX-License-Identifier: Apache-2.0
// Operators on windows of images and along axes: pools, normalizations, softmax, reductions.
#include <array>

#include "io/onnx_export/write_ops.h"

namespace lowbit::onnx_export {
namespace {

std::vector<Attribute> pool_attributes(const ops::Window& window, bool ceil_mode) {
  const auto list = [](const auto& a) { return Integers(a.begin(), a.end()); };
  return {{"kernel_shape", list(window.kernel)},
          {"strides", list(window.stride)},
          {"pads", list(window.pad)},
          {"ceil_mode", static_cast<std::int64_t>(ceil_mode)}};
}

}  // namespace

void write(GraphWriter& w, NodeOf n, const ops::MaxPoolOp& op) {
  std::vector<Attribute> attributes = pool_attributes(op.window, op.ceil_mode);
  attributes.push_back({"dilations", Integers{op.window.dilation[0], op.window.dilation[1]}});
  w.give_images(n.node, w.op("MaxPool", {w.read_images(n.node.inputs[0])}, attributes));
}

void write(GraphWriter& w, NodeOf n, const ops::AveragePoolOp& op) {
  std::vector<Attribute> attributes = pool_attributes(op.window, op.ceil_mode);
  attributes.push_back({"count_include_pad", static_cast<std::int64_t>(op.count_include_pad)});
  if (op.window.dilation != std::array<std::int64_t, 2>{1, 1}) w.refuse("an AveragePool with dilations");
  w.give_images(n.node, w.op("AveragePool", {w.read_images(n.node.inputs[0])}, attributes));
}

void write(GraphWriter& w, NodeOf n, const ops::GlobalAveragePoolOp&) {
  w.give_images(n.node, w.op("GlobalAveragePool", {w.read_images(n.node.inputs[0])}));
}

void write(GraphWriter& w, NodeOf n, const ops::LrnOp& op) {
  w.give_images(n.node,
                w.op("LRN", {w.read_images(n.node.inputs[0])},
                     {{"size", op.size}, {"alpha", op.alpha}, {"beta", op.beta}, {"bias", op.offset}}));
}

void write(GraphWriter& w, NodeOf n, const ops::SoftmaxOp& op) {
  w.give(n.node, w.op("Softmax", {w.read(n.node.inputs[0])}, {{"axis", w.axis(op.axis)}}));
}

void write(GraphWriter& w, NodeOf n, const ops::ReduceOp& op) {
  static constexpr std::array<std::string_view, 10> kNames{
      "ReduceSum", "ReduceMean", "ReduceMax",       "ReduceMin",    "ReduceProd",
      "ReduceL1",  "ReduceL2",   "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"};
  Integers axes;
  for (const std::int64_t axis : op.axes) axes.push_back(w.axis(axis));
  if (axes.empty()) return w.give(n.node, w.op("Identity", {w.read(n.node.inputs[0])}));
  std::vector<std::string> inputs{w.read(n.node.inputs[0])};
  std::vector<Attribute> attributes{{"keepdims", static_cast<std::int64_t>(op.keep_axes)}};
  // Axes became an input in set 18, of ReduceSum in 13.
  if (w.opset() >= 18 || op.reduction == ops::Reduction::sum)
    inputs.push_back(w.integers(axes));
  else
    attributes.push_back({"axes", axes});
  w.give(n.node, w.op(kNames[static_cast<std::size_t>(op.reduction)], inputs, attributes));
}

void write(GraphWriter& w, NodeOf n, const ops::LayerNormOp& op) {
  const Shape& sample = w.shape(n.node.output);
  const std::int64_t width = sample[sample.rank() - 1];
  const std::string x = w.read(n.node.inputs[0]);
  const Floats ones(static_cast<std::size_t>(width), 1.0f);
  const std::string scale = w.floats(op.scale.empty() ? ones : op.scale, {width});
  if (op.is_centred) {
    std::vector<std::string> inputs{x, scale};
    if (!op.shift.empty()) inputs.push_back(w.floats(op.shift, {width}));
    return w.give(n.node,
                  w.op("LayerNormalization", inputs, {{"axis", std::int64_t{-1}}, {"epsilon", op.epsilon}}));
  }
  std::vector<std::string> inputs{w.op("Mul", {x, x})};
  std::vector<Attribute> attributes{{"keepdims", std::int64_t{1}}};
  if (w.opset() >= 18)
    inputs.push_back(w.integers({-1}));
  else
    attributes.push_back({"axes", Integers{-1}});
  const std::string mean = w.op("ReduceMean", inputs, attributes);
  const std::string root = w.op("Sqrt", {w.op("Add", {mean, w.scalar(op.epsilon)})});
  std::string result = w.op("Mul", {w.op("Div", {x, root}), scale});
  if (!op.shift.empty()) result = w.op("Add", {result, w.floats(op.shift, {width})});
  w.give(n.node, result);
}

}  // namespace lowbit::onnx_export
