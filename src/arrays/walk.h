// SPDX-License-Identifier: Apache-2.0
// Walking through arrays: strides of row-major arrays, of arrays that are broadcast, and lines along the last
// axis of a shape.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lowbit/core/shape.h"

namespace lowbit::arrays {

/// One number for each axis of a shape, the last one at the end: axis i of a shape of rank r is at
/// kMaxRank - r + i.
using Dims = std::array<std::int64_t, Shape::kMaxRank>;

/// Sizes, with 1 in the places before the first axis.
inline Dims padded_dims(const Shape& shape) {
  Dims dims;
  dims.fill(1);
  for (int i = 0; i < shape.rank(); ++i)
    dims[static_cast<std::size_t>(Shape::kMaxRank - shape.rank() + i)] = shape[i];
  return dims;
}

/// Strides of a row-major array, 0 along axes of size 1: what numpy's broadcasting reads.
inline Dims broadcast_strides(const Shape& shape) {
  const Dims dims = padded_dims(shape);
  Dims strides{};
  std::int64_t stride = 1;
  for (std::size_t i = Shape::kMaxRank; i-- > 0;) {
    strides[i] = dims[i] == 1 ? 0 : stride;
    stride *= dims[i];
  }
  return strides;
}

/// Calls body(offset in the row-major array of these dims, offset with `a`, offset with `b`) for each line
/// along the last axis, in order. A further step along the line adds 1, a.back() and b.back().
template <class Body>
void for_each_line(const Dims& dims, const Dims& a, const Dims& b, Body&& body) {
  std::int64_t lines = 1;
  for (std::size_t i = 0; i + 1 < dims.size(); ++i) lines *= dims[i];
  if (lines == 0 || dims.back() == 0) return;
  Dims at{};
  std::int64_t at_a = 0, at_b = 0;
  for (std::int64_t line = 0; line < lines; ++line) {
    body(line * dims.back(), at_a, at_b);
    for (std::size_t axis = dims.size() - 1; axis-- > 0;) {
      at_a += a[axis], at_b += b[axis];
      if (++at[axis] < dims[axis]) break;
      at[axis] = 0;
      at_a -= a[axis] * dims[axis], at_b -= b[axis] * dims[axis];
    }
  }
}

/// Product of the sizes of axes [first, last).
inline std::int64_t product(const Shape& shape, int first, int last) {
  std::int64_t n = 1;
  for (int i = first; i < last; ++i) n *= shape[i];
  return n;
}

/// `n` elements in a row; none may be asked for with pointers to nothing.
template <class T>
void copy_elements(const T* from, std::int64_t n, T* to) {
  if (n > 0) std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
}

}  // namespace lowbit::arrays
