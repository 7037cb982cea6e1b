// SPDX-License-Identifier: Apache-2.0
#include "arrays/indices.h"

#include <fmt/format.h>

namespace lowbit::arrays {
namespace {

void check_index(const Call& call, std::int64_t index, std::int64_t size) {
  if (index < -size || index >= size) call.reject(fmt::format("has the index {} for {} places", index, size));
}

}  // namespace

void check_indices(const Call& call, int i, std::int64_t size) {
  if (is_float(call.element(i))) call.reject("needs integers as its indices");
  if (size == 0 && call.shape(i).elements() > 0) call.reject("has indices for an empty axis");
  if (const Array* known = call.known(i))
    for (const std::int64_t index : known->integers) check_index(call, index, size);
}

void check_fits_beside(const Call& call, const Shape& indices, int axis) {
  const Shape& array = call.shape(0);
  bool fits = indices.rank() == array.rank();
  for (int i = 0; fits && i < array.rank(); ++i) fits = i == axis || indices[i] <= array[i];
  if (!fits) call.reject(fmt::format("has indices {} for {}", indices.to_string(), array.to_string()));
}

ElementWalk make_element_walk(const Shape& array, const Shape& indices, int axis) {
  ElementWalk walk{padded_dims(indices), {}, array[axis], product(array, axis + 1, array.rank())};
  for (int i = 0; i < array.rank(); ++i)
    if (i != axis)
      walk.strides[static_cast<std::size_t>(Shape::kMaxRank - array.rank() + i)] =
          product(array, i + 1, array.rank());
  return walk;
}

SliceWalk make_slice_walk(const Call& call, int batch_dims) {
  const Shape& array = call.shape(0);
  const Shape& indices = call.shape(1);
  if (is_float(call.element(1))) call.reject("needs integers as its indices");
  if (indices.rank() < 1 || batch_dims < 0 || batch_dims >= indices.rank() || batch_dims > array.rank())
    call.reject(fmt::format("has indices {} for {}", indices.to_string(), array.to_string()));
  const std::int64_t depth = indices[indices.rank() - 1];
  if (depth > array.rank() - batch_dims)
    call.reject(fmt::format("has {} indices for {}", depth, array.to_string()));
  for (int i = 0; i < batch_dims; ++i)
    if (array[i] != indices[i]) call.reject("has other batches of indices than its input");
  SliceWalk walk;
  walk.first_axis = batch_dims;
  walk.depth = static_cast<int>(depth);
  walk.vectors = product(indices, 0, indices.rank() - 1);
  walk.per_batch = product(indices, batch_dims, indices.rank() - 1);
  walk.batch_stride = product(array, batch_dims, array.rank());
  walk.slice = product(array, batch_dims + walk.depth, array.rank());
  for (int k = 0; k < walk.depth; ++k) {
    const auto axis = static_cast<std::size_t>(k);
    walk.sizes[axis] = array[batch_dims + k];
    walk.strides[axis] = product(array, batch_dims + k + 1, array.rank());
    if (walk.sizes[axis] == 0 && walk.vectors > 0) call.reject("has indices for an empty axis");
  }
  if (const Array* known = call.known(1))
    for (std::size_t i = 0; i < known->integers.size(); ++i)
      check_index(call, known->integers[i], walk.sizes[i % static_cast<std::size_t>(walk.depth)]);
  return walk;
}

}  // namespace lowbit::arrays
