// SPDX-License-Identifier: Apache-2.0
// Constant, and arithmetic on shapes as PyTorch exports it for x.view(x.size(0), -1): Shape, Gather. (Concat,
// Squeeze, Unsqueeze and Slice of constants are with their operators.)
#include <fmt/format.h>

#include <utility>

#include "io/onnx/registry.h"
#include "io/onnx/tensors.h"

namespace lowbit::onnx_import {

void convert_constant(NodeContext& node) {
  const auto emit_floats = [&](std::vector<std::int64_t> dims, std::vector<double> v) {
    node.emit_constant({std::move(dims), false, std::move(v), {}});
  };
  const auto emit_integers = [&](std::vector<std::int64_t> dims, std::vector<std::int64_t> v) {
    node.emit_constant({std::move(dims), true, {}, std::move(v)});
  };
  if (const auto* a = node.find_attribute("value")) return node.emit_constant(node.read(a->t()));
  if (const auto* a = node.find_attribute("value_float")) return emit_floats({}, {a->f()});
  if (const auto* a = node.find_attribute("value_floats"))
    return emit_floats({a->floats_size()}, {a->floats().begin(), a->floats().end()});
  if (const auto* a = node.find_attribute("value_int")) return emit_integers({}, {a->i()});
  if (const auto* a = node.find_attribute("value_ints"))
    return emit_integers({a->ints_size()}, {a->ints().begin(), a->ints().end()});
  node.refuse("has no value that is a dense tensor or numbers");
}

void convert_constant_of_shape(NodeContext& node) {
  constexpr std::int64_t kMost = std::int64_t{1} << 28;  // as of all tensors that are computed
  Constant result{node.integers(0), false, {}, {}};
  std::int64_t elements = 1;
  for (const std::int64_t dim : result.dims) {
    if (dim == kBatchDim || dim < 0 || (dim > 0 && elements > kMost / dim))
      node.refuse("makes a tensor whose shape is not a few plain sizes");
    elements *= dim;
  }
  const auto size = static_cast<std::size_t>(elements);
  const auto* value = node.find_attribute("value");
  const Constant one = value ? node.read(value->t()) : Constant{{1}, false, {0.0}, {}};
  if (one.size() != 1) node.reject("has a value that is not one number");
  result.is_integer = one.is_integer;
  if (one.is_integer) {
    if (size > 4096) node.refuse("makes a large tensor of integers");
    result.integers.assign(size, one.integers[0]);
  } else {
    result.filled = one.doubles()[0];
    result.stored_size = size;
  }
  node.emit_constant(std::move(result));
}

void convert_shape(NodeContext& node) {
  std::vector<std::int64_t> dims;
  if (node.is_constant(0)) {
    dims = node.constant(0).dims;
  } else {
    const Shape shape = node.shape(0);
    dims.assign(shape.dims().begin(), shape.dims().end());
    dims.insert(dims.begin() + node.batch_axis(0), kBatchDim);
  }
  if (node.has_attribute("start") || node.has_attribute("end")) node.refuse("asks for a part of the shape");
  const auto rank = static_cast<std::int64_t>(dims.size());
  node.emit_constant({{rank}, true, {}, std::move(dims)});
}

void convert_gather(NodeContext& node) {
  if (!node.is_constant(0)) node.refuse("gathers from a computed value; only shapes can be gathered from");
  const std::vector<std::int64_t> data = node.integers(0), indices = node.integers(1);
  if (node.constant(0).dims.size() != 1 || normalized_axis(node, node.int_attribute("axis", 0), 1) != 0)
    node.refuse("gathers from a constant that is not a vector");
  Constant result{node.constant(1).dims, true, {}, {}};
  const auto size = static_cast<std::int64_t>(data.size());
  for (const std::int64_t i : indices) {
    if (i < -size || i >= size) node.reject(fmt::format("gathers element {} of {}", i, size));
    result.integers.push_back(data[static_cast<std::size_t>(i < 0 ? i + size : i)]);
  }
  node.emit_constant(std::move(result));
}

}  // namespace lowbit::onnx_import
