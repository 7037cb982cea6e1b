// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace lowbit::onnx_import {

namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 24;  // far beyond any network, far below an overflow

/// Of a 1-d window, those of an image of height 1, where nothing else is there than `at_height`.
template <std::size_t N>
std::array<std::int64_t, N> sized(const NodeContext& node, std::string_view name,
                                  std::vector<std::int64_t> values, std::int64_t least,
                                  std::int64_t at_height) {
  if (is_1d(node) && values.size() == N / 2)
    for (std::size_t i = 0; i < N; i += 2)
      values.insert(values.begin() + static_cast<std::ptrdiff_t>(i), at_height);
  if (values.size() != N)
    node.refuse(
        fmt::format("has {} elements in {}, which are not those of a window of as many dimensions as "
                    "its input",
                    values.size(), name));
  std::array<std::int64_t, N> result{};
  for (std::size_t i = 0; i < N; ++i) {
    if (values[i] < least || values[i] > kMost)
      node.refuse(fmt::format("has the value {} in {}", values[i], name));
    result[i] = values[i];
  }
  return result;
}

/// Pads so that the output has ceil(size / stride) elements; an odd one goes to the end for SAME_UPPER.
std::pair<std::int64_t, std::int64_t> same_pads(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                                                std::int64_t dilation, bool upper) {
  const std::int64_t outputs = (size + stride - 1) / stride;
  const std::int64_t total =
      std::max<std::int64_t>((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0);
  const std::int64_t less = total / 2, more = total - less;
  return upper ? std::pair{less, more} : std::pair{more, less};
}

}  // namespace

bool is_1d(const NodeContext& node) {
  return node.shape(0).rank() == 2;
}

std::array<std::int64_t, 2> kernel_shape(const NodeContext& node) {
  return sized<2>(node, "kernel_shape", node.ints_attribute("kernel_shape", {}), 1, 1);
}

void emit_windowed(NodeContext& node, ops::Op op) {
  if (!is_1d(node)) return node.emit(std::move(op), {node.value(0)});
  const Shape in = node.shape(0);
  const ValueId image = node.emit_inner("/image", ops::ReshapeOp{{in[0], 1, in[1]}}, {node.value(0)});
  const ValueId result = node.emit_inner("/2d", std::move(op), {image});
  const Shape out = node.shape_of(result);
  node.emit(ops::ReshapeOp{{out[0], out[2]}}, {result});
}

ops::Window read_window(const NodeContext& node, std::array<std::int64_t, 2> kernel) {
  const Shape& shape = node.shape(0);
  if (shape.rank() != 3 && !is_1d(node))
    node.refuse(
        fmt::format("reads a sample of shape {}; C x W and C x H x W are supported", shape.to_string()));
  const std::vector<std::int64_t> one(is_1d(node) ? 1 : 2, 1), none(is_1d(node) ? 2 : 4, 0);
  ops::Window w;
  w.kernel = kernel;
  w.stride = sized<2>(node, "strides", node.ints_attribute("strides", one), 1, 1);
  w.dilation = sized<2>(node, "dilations", node.ints_attribute("dilations", one), 1, 1);
  w.pad = sized<4>(node, "pads", node.ints_attribute("pads", none), 0, 0);
  const std::array<std::int64_t, 2> size{is_1d(node) ? 1 : shape[1], shape[shape.rank() - 1]};
  const std::string auto_pad = node.string_attribute("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    for (std::size_t i = 0; i < 2; ++i)
      std::tie(w.pad[i], w.pad[i + 2]) =
          same_pads(size[i], w.kernel[i], w.stride[i], w.dilation[i], auto_pad == "SAME_UPPER");
  } else if (auto_pad == "VALID") {
    w.pad = {0, 0, 0, 0};
  } else if (auto_pad != "NOTSET" && !auto_pad.empty()) {
    node.reject(fmt::format("has auto_pad = '{}'", auto_pad));
  }
  return w;
}

}  // namespace lowbit::onnx_import
