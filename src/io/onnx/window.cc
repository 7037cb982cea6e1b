#include "io/onnx/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace lowbit::onnx_import {

namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 24;  // far beyond any network, far below an overflow

template <std::size_t N>
std::array<std::int64_t, N> sized(const NodeContext& node, std::string_view name,
                                  std::vector<std::int64_t> values, std::int64_t least) {
  if (values.size() != N)
    node.refuse(fmt::format("has {} elements in {} where {} belong to a 2-d window", values.size(), name, N));
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

std::array<std::int64_t, 2> kernel_shape(const NodeContext& node) {
  return sized<2>(node, "kernel_shape", node.ints_attribute("kernel_shape", {}), 1);
}

ops::Window read_window(const NodeContext& node, std::array<std::int64_t, 2> kernel) {
  const Shape& shape = node.shape(0);
  if (shape.rank() != 3)
    node.refuse(fmt::format("reads a sample of shape {}; only C x H x W is supported", shape.to_string()));
  ops::Window w;
  w.kernel = kernel;
  w.stride = sized<2>(node, "strides", node.ints_attribute("strides", {1, 1}), 1);
  w.dilation = sized<2>(node, "dilations", node.ints_attribute("dilations", {1, 1}), 1);
  w.pad = sized<4>(node, "pads", node.ints_attribute("pads", {0, 0, 0, 0}), 0);
  const std::string auto_pad = node.string_attribute("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    for (std::size_t i = 0; i < 2; ++i)
      std::tie(w.pad[i], w.pad[i + 2]) = same_pads(shape[static_cast<int>(i) + 1], w.kernel[i], w.stride[i],
                                                   w.dilation[i], auto_pad == "SAME_UPPER");
  } else if (auto_pad == "VALID") {
    w.pad = {0, 0, 0, 0};
  } else if (auto_pad != "NOTSET" && !auto_pad.empty()) {
    node.reject(fmt::format("has auto_pad = '{}'", auto_pad));
  }
  return w;
}

}  // namespace lowbit::onnx_import
