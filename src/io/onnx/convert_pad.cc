// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

namespace {

struct Padding {
  std::vector<std::int64_t> pads, axes;  ///< begins, then ends, of each axis; the batch is axis 0
  double value = 0;
};

Padding read_padding(const NodeContext& node, std::int64_t rank) {
  Padding p;
  if (node.opset() < 11) {
    p.pads = node.ints_attribute(node.opset() < 2 ? "paddings" : "pads", {});
    p.value = node.float_attribute("value", 0.0f);
  } else {
    p.pads = node.integers(1);
    if (node.has_input(2)) p.value = scalar(node, 2);
  }
  if (node.opset() >= 18 && node.has_input(3)) {
    for (const std::int64_t axis : node.integers(3)) p.axes.push_back(normalized_axis(node, axis, rank));
  } else {
    for (std::int64_t axis = 0; axis < rank; ++axis) p.axes.push_back(axis);
  }
  return p;
}

}  // namespace

void convert_pad(NodeContext& node) {
  constexpr std::int64_t kMost = std::int64_t{1} << 24;
  const std::string mode = node.string_attribute("mode", "constant");
  if (mode != "constant") node.refuse(fmt::format("has the mode '{}'; only 'constant' is supported", mode));
  const Shape& shape = node.shape(0);
  const Padding p = read_padding(node, shape.rank() + 1);
  if (p.pads.size() != 2 * p.axes.size())
    node.reject(fmt::format("has {} pads for {} axes", p.pads.size(), p.axes.size()));
  if (!std::isfinite(p.value)) node.refuse(fmt::format("pads with {}", p.value));
  ops::PadOp op{std::vector<std::int64_t>(static_cast<std::size_t>(shape.rank())),
                std::vector<std::int64_t>(static_cast<std::size_t>(shape.rank())),
                static_cast<float>(p.value)};
  bool changes = false;
  for (std::size_t i = 0; i < p.axes.size(); ++i) {
    const std::int64_t before = p.pads[i], after = p.pads[i + p.axes.size()], axis = p.axes[i];
    if (before > kMost || before < -kMost || after > kMost || after < -kMost)
      node.refuse(fmt::format("pads by {} and {} elements", before, after));
    if (before == 0 && after == 0) continue;
    if (axis == 0) node.refuse("pads the batch");
    if (shape[static_cast<int>(axis) - 1] + before + after <= 0) node.refuse("crops an axis to nothing");
    op.before[static_cast<std::size_t>(axis - 1)] = before;
    op.after[static_cast<std::size_t>(axis - 1)] = after;
    changes = true;
  }
  if (!changes) return node.emit_alias(0);
  node.emit(std::move(op), {node.value(0)});
}

}  // namespace lowbit::onnx_import
