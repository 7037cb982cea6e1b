// SPDX-License-Identifier: Apache-2.0
// Gemm and MatMul with a constant right side: both are Linear over the last dimension.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

namespace {

/// [out][in] from a constant that is [in][out], or [out][in] where `is_transposed`; times alpha, rounded
/// once. Refuses an alpha with which weights leave the floats: sums of products may be inside.
Tensor linear_weight(const NodeContext& node, bool is_transposed, double alpha) {
  const Constant& c = node.constant(1);
  if (c.dims.size() != 2 || c.is_integer || c.size() == 0)
    node.refuse(fmt::format("needs a matrix of floats as its constant '{}', which has {} dimensions",
                            node.proto().input(1), c.dims.size()));
  const auto rows = static_cast<std::size_t>(c.dims[0]), cols = static_cast<std::size_t>(c.dims[1]);
  const Shape shape = is_transposed ? Shape{c.dims[0], c.dims[1]} : Shape{c.dims[1], c.dims[0]};
  std::vector<float> weight = large_floats(c.size());
  if (is_transposed && alpha == 1.0) {
    c.read(0, std::span(weight));
    return Tensor(shape, std::move(weight));
  }
  // A block of rows at a time, so that a transposition writes whole cache lines.
  std::vector<double> block(16 * cols);
  for (std::size_t r0 = 0; r0 < rows; r0 += 16) {
    const std::size_t count = std::min<std::size_t>(16, rows - r0);
    c.read(r0 * cols, std::span(block).first(count * cols));
    for (std::size_t k = 0; k < cols; ++k)
      for (std::size_t r = 0; r < count; ++r) {
        const double w = block[r * cols + k];
        const auto scaled = static_cast<float>(w * alpha);
        if (std::isfinite(w) && !std::isfinite(scaled))
          node.refuse(fmt::format("multiplies the weight {} by alpha = {}", w, alpha));
        weight[is_transposed ? (r0 + r) * cols + k : k * rows + r0 + r] = scaled;
      }
  }
  return Tensor(shape, std::move(weight));
}

std::vector<float> gemm_bias(const NodeContext& node, std::size_t out, double beta) {
  const Constant* c = node.optional_constant(2);
  if (!c || beta == 0) return {};
  const bool is_row = c->dims.empty() || c->dims.size() == 1 || (c->dims.size() == 2 && c->dims[0] == 1);
  if (!is_row || c->is_integer || (c->size() != 1 && c->size() != out))
    node.refuse(fmt::format("adds a constant C that is not one row of {} elements", out));
  const std::vector<double> values = c->doubles();
  std::vector<float> bias(out);
  for (std::size_t i = 0; i < out; ++i) bias[i] = static_cast<float>(values[c->size() == 1 ? 0 : i] * beta);
  return bias;
}

}  // namespace

void convert_gemm(NodeContext& node) {
  if (node.int_attribute("transA", 0) != 0) node.refuse("transposes its input (transA = 1)");
  if (node.shape(0).rank() != 1 && !node.reads_rows())
    node.refuse(fmt::format("reads a sample of shape {}; a vector is expected", node.shape(0).to_string()));
  ops::LinearOp linear;
  linear.weight =
      linear_weight(node, node.int_attribute("transB", 0) != 0, node.float_attribute("alpha", 1.0f));
  linear.bias =
      gemm_bias(node, static_cast<std::size_t>(linear.weight.shape[0]), node.float_attribute("beta", 1.0f));
  node.note_weights(1, node.int_attribute("transB", 0) != 0 ? 0 : 1);
  node.emit(std::move(linear), {node.value(0)});
}

void convert_matmul(NodeContext& node) {
  if (node.is_constant(0))
    node.refuse("has a constant on its left side; only a constant right side is supported");
  if (!node.is_constant(1)) {
    if (node.shape(0).rank() != node.shape(1).rank() || node.shape(0).rank() < 2)
      node.refuse(
          fmt::format("multiplies samples of shapes {} and {}; matrices of as many dimensions are supported",
                      node.shape(0).to_string(), node.shape(1).to_string()));
    return node.emit(ops::MatMulOp{}, {node.value(0), node.value(1)});
  }
  if (node.shape(0).rank() > 2)
    node.refuse(
        fmt::format("reads a sample of shape {}; F and T x F are supported", node.shape(0).to_string()));
  ops::LinearOp linear;
  linear.weight = linear_weight(node, false, 1.0);
  node.note_weights(1, 1);
  node.emit(std::move(linear), {node.value(0)});
}

}  // namespace lowbit::onnx_import
