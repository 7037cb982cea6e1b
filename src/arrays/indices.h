// SPDX-License-Identifier: Apache-2.0
// Indices that are data: walks over the places that GatherElements, GatherND and their opposites name.
// Indices that come only at run time and point outside are moved to the nearest place inside.
#pragma once

#include <algorithm>

#include "arrays/call.h"
#include "arrays/walk.h"

namespace lowbit::arrays {

/// Counted from the end where negative, and inside an axis of `size` > 0.
inline std::int64_t limited_index(std::int64_t index, std::int64_t size) {
  return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size - 1);
}

/// Rejects input `i` where it has floats, known indices outside of an axis, or indices of an empty one.
void check_indices(const Call& call, int i, std::int64_t size);

/// Rejects `indices` that have another rank than input 0, or more along another axis than `axis`.
void check_fits_beside(const Call& call, const Shape& indices, int axis);

/// Over the elements of an array of indices, which stand for coordinates along one axis of another array.
struct ElementWalk {
  Dims dims;                          ///< of the indices
  Dims strides;                       ///< of the other array, 0 along the axis
  std::int64_t size = 0, stride = 0;  ///< of the axis
};

ElementWalk make_element_walk(const Shape& array, const Shape& indices, int axis);

/// Calls body(place among the indices, offset in the array).
template <class Body>
void for_each_element(const ElementWalk& walk, const std::int64_t* indices, Body&& body) {
  for_each_line(walk.dims, walk.strides, Dims{}, [&](std::int64_t first, std::int64_t at, std::int64_t) {
    for (std::int64_t i = 0; i < walk.dims.back(); ++i) {
      const std::int64_t index = limited_index(indices[first + i], walk.size);
      body(first + i, at + i * walk.strides.back() + index * walk.stride);
    }
  });
}

/// Over vectors of indices, each of which names a slice of input 0: coordinates along its first axes.
struct SliceWalk {
  int first_axis = 0;             ///< that an index names
  int depth = 0;                  ///< indices in a vector
  std::int64_t vectors = 0;       ///< in all
  std::int64_t per_batch = 0;     ///< vectors for each element of the axes before
  std::int64_t batch_stride = 0;  ///< elements of the array for each of these
  std::int64_t slice = 0;         ///< elements of a slice
  Dims sizes{}, strides{};        ///< of the axes that are named, from the front
};

/// Of input 0 and the indices in input 1, which have `batch_dims` axes in common.
SliceWalk make_slice_walk(const Call& call, int batch_dims);

/// Calls body(number of the vector, offset of its slice).
template <class Body>
void for_each_slice(const SliceWalk& walk, const std::int64_t* indices, Body&& body) {
  for (std::int64_t i = 0; i < walk.vectors; ++i) {
    std::int64_t at = i / walk.per_batch * walk.batch_stride;
    for (int k = 0; k < walk.depth; ++k) {
      const auto axis = static_cast<std::size_t>(k);
      at += limited_index(*indices++, walk.sizes[axis]) * walk.strides[axis];
    }
    body(i, at);
  }
}

}  // namespace lowbit::arrays
