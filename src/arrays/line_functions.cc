// SPDX-License-Identifier: Apache-2.0
#include "arrays/line_functions.h"

namespace lowbit::arrays {
namespace {

/// Input 1 with its axes in the places where they meet those of input 0.
Shape placed_shape(const Call& call) {
  const Shape& a = call.shape(0);
  const Shape& b = call.shape(1);
  if (call.opset() >= 7) return b;
  const bool is_slope = call.op() == "PRelu";  // one for each channel: axis 1, without an attribute
  if (is_slope ? b.rank() != 1 || a.rank() < 2 : call.int_attribute("broadcast", 0) == 0) return b;
  const int axis = is_slope ? 1 : call.axis(call.int_attribute("axis", a.rank() - b.rank()), a.rank() + 1);
  if (axis + b.rank() > a.rank()) call.reject("broadcasts along axes that its input has not");
  std::vector<std::int64_t> dims(b.dims().begin(), b.dims().end());
  dims.resize(static_cast<std::size_t>(a.rank() - axis), 1);
  return call.make_shape(dims);
}

}  // namespace

BinaryWalk make_binary_walk(const Call& call) {
  const std::array<Shape, 2> shapes = {call.shape(0), placed_shape(call)};
  const Shape shape = broadcast_shape(call, shapes);
  return {shape, make_broadcast<2>(shape, shapes)};
}

}  // namespace lowbit::arrays
