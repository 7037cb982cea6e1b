// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"
#include "layers/batch_norm.h"

namespace lowbit::onnx_import {

void convert_batch_normalization(NodeContext& node) {
  if (node.int_attribute("training_mode", 0) != 0) node.refuse("is in training mode");
  if (node.int_attribute("spatial", 1) == 0) node.refuse("is not spatial (spatial = 0)");
  const Shape& shape = node.shape(0);
  if (shape.rank() != 1 && shape.rank() != 3)
    node.refuse(fmt::format("reads a sample of shape {}; F and C x H x W are supported", shape.to_string()));
  const auto channels = static_cast<std::size_t>(shape[0]);
  for (int i = 1; i <= 4; ++i)
    if (node.constant(i).is_integer || node.constant(i).size() != channels ||
        node.constant(i).dims.size() != 1)
      node.reject(fmt::format("needs {} floats in '{}'", channels, node.proto().input(i)));
  const auto gamma = node.constant(1).doubles(), beta = node.constant(2).doubles();
  const auto mean = node.constant(3).doubles(), variance = node.constant(4).doubles();
  const double epsilon = node.float_attribute("epsilon", 1e-5f);
  std::ptrdiff_t bad_channel = -1;
  ops::ScaleShiftOp op = batch_norm(gamma, beta, mean, variance, epsilon, bad_channel);
  if (bad_channel >= 0)
    node.reject(fmt::format("has the variance {} in channel {}",
                            variance[static_cast<std::size_t>(bad_channel)], bad_channel));
  node.emit(std::move(op), {node.value(0)});
}

void convert_layer_normalization(NodeContext& node) {
  const Shape& shape = node.shape(0);
  for (int i = 1; i < node.proto().output_size(); ++i)
    if (!node.proto().output(i).empty()) node.refuse("gives means and deviations");
  if (normalized_axis(node, node.int_attribute("axis", -1), shape.rank() + 1) != shape.rank())
    node.refuse("normalizes over more than the last axis");
  const auto line = [&](int i) {
    const Constant& constant = node.constant(i);
    if (constant.is_integer || constant.dims.size() != 1 ||
        static_cast<std::int64_t>(constant.size()) != shape[shape.rank() - 1])
      node.refuse(fmt::format("needs {} floats in '{}'", shape[shape.rank() - 1], node.proto().input(i)));
    std::vector<float> floats;
    for (const double v : constant.doubles()) floats.push_back(static_cast<float>(v));
    return floats;
  };
  ops::LayerNormOp op;
  op.epsilon = node.float_attribute("epsilon", 1e-5f);
  op.scale = line(1);
  if (node.has_input(2)) op.shift = line(2);
  node.emit(std::move(op), {node.value(0)});
}

void convert_lrn(NodeContext& node) {
  if (node.shape(0).rank() != 3)
    node.refuse("reads a sample of shape " + node.shape(0).to_string() + "; only C x H x W is supported");
  const ops::LrnOp lrn{node.int_attribute("size", 0), node.float_attribute("alpha", 1e-4f),
                       node.float_attribute("beta", 0.75f), node.float_attribute("bias", 1.0f)};
  if (lrn.size < 1) node.reject("has no size");
  node.emit(lrn, {node.value(0)});
}

}  // namespace lowbit::onnx_import
