// SPDX-License-Identifier: Apache-2.0
// Small conversions from constants to what operators hold.
#pragma once

#include <vector>

#include "core/large_floats.h"
#include "io/onnx/node_context.h"
#include "lowbit/core/tensor.h"

namespace lowbit::onnx_import {

/// Constant input i, which has to be floats, rounded to float.
inline std::vector<float> float_vector(const NodeContext& node, int i) {
  const Constant& c = node.constant(i);
  if (c.is_integer) node.reject("has integers where floats belong: input '" + node.proto().input(i) + "'");
  std::vector<float> values = large_floats(c.size());
  c.read(0, std::span(values));
  return values;
}

/// Constant input i with `rank` dimensions, none of them 0.
inline Tensor float_tensor(const NodeContext& node, int i, std::size_t rank) {
  const Constant& c = node.constant(i);
  if (c.dims.size() != rank || c.size() == 0)
    node.refuse("needs " + std::to_string(rank) + " dimensions, none of them 0, in its constant '" +
                node.proto().input(i) + "', which has " + std::to_string(c.dims.size()));
  return Tensor(Shape(c.dims), float_vector(node, i));
}

/// The only element of a constant.
inline double scalar(const NodeContext& node, int i) {
  const Constant& c = node.constant(i);
  if (c.size() != 1) node.reject("needs a single number as its input '" + node.proto().input(i) + "'");
  return c.is_integer ? static_cast<double>(c.integers[0]) : c.doubles()[0];
}

}  // namespace lowbit::onnx_import
