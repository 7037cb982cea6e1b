// SPDX-License-Identifier: Apache-2.0
// Broadcasting as numpy has it: the shape that several ones give, and a walk over it line by line in which
// axes that all operands have in a row count as one.
#pragma once

#include <array>
#include <span>

#include "arrays/call.h"
#include "arrays/walk.h"

namespace lowbit::arrays {

/// The shape of the result; rejects shapes that do not go together.
inline Shape broadcast_shape(const Call& call, std::span<const Shape> shapes) {
  int rank = 0;
  for (const Shape& shape : shapes) rank = shape.rank() > rank ? shape.rank() : rank;
  std::vector<std::int64_t> dims(static_cast<std::size_t>(rank), 1);
  for (const Shape& shape : shapes) {
    for (int i = 0; i < shape.rank(); ++i) {
      std::int64_t& dim = dims[static_cast<std::size_t>(rank - shape.rank() + i)];
      if (dim == 1) dim = shape[i];
      if (shape[i] != 1 && shape[i] != dim) call.reject("has inputs of shapes that do not broadcast");
    }
  }
  return call.make_shape(dims);
}

/// N operands under a common shape.
template <std::size_t N>
struct Broadcast {
  Dims dims;                    ///< of the result, neighbours merged, at the end
  std::array<Dims, N> strides;  ///< of the operands; the last one of each is 0 or 1
};

/// `shapes` broadcast to `out`.
template <std::size_t N>
Broadcast<N> make_broadcast(const Shape& out, const std::array<Shape, N>& shapes) {
  const Dims dims = padded_dims(out);
  std::array<Dims, N> strides;
  for (std::size_t i = 0; i < N; ++i) strides[i] = broadcast_strides(shapes[i]);
  Broadcast<N> merged;
  merged.dims.fill(1);
  for (Dims& s : merged.strides) s.fill(0);
  std::size_t to = dims.size() - 1;
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    if (dims[axis] == 1) continue;
    bool joins = true;
    for (std::size_t i = 0; i < N; ++i)
      joins = joins && strides[i][axis] == merged.strides[i][to] * merged.dims[to];
    if (merged.dims[to] == 1) {
      for (std::size_t i = 0; i < N; ++i) merged.strides[i][to] = strides[i][axis];
    } else if (!joins) {
      --to;
      for (std::size_t i = 0; i < N; ++i) merged.strides[i][to] = strides[i][axis];
    }
    merged.dims[to] *= dims[axis];
  }
  return merged;
}

/// Calls body(offset in the result, offsets in the operands) for each line of dims.back() elements, in order.
template <std::size_t N, class Body>
void for_each_line(const Broadcast<N>& b, Body&& body) {
  std::int64_t lines = 1;
  for (std::size_t i = 0; i + 1 < b.dims.size(); ++i) lines *= b.dims[i];
  if (b.dims.back() == 0) return;
  Dims at{};
  std::array<std::int64_t, N> offsets{};
  for (std::int64_t line = 0; line < lines; ++line) {
    body(line * b.dims.back(), offsets);
    for (std::size_t axis = b.dims.size() - 1; axis-- > 0;) {
      for (std::size_t i = 0; i < N; ++i) offsets[i] += b.strides[i][axis];
      if (++at[axis] < b.dims[axis]) break;
      at[axis] = 0;
      for (std::size_t i = 0; i < N; ++i) offsets[i] -= b.strides[i][axis] * b.dims[axis];
    }
  }
}

}  // namespace lowbit::arrays
