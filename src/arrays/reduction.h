// SPDX-License-Identifier: Apache-2.0
// Reduction: a walk through an array on which the elements along some axes meet in one element of the result.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arrays/call.h"
#include "arrays/walk.h"

namespace lowbit::arrays {

struct Reduction {
  Dims dims{};     ///< of the input
  Dims strides{};  ///< of the result along the axes of the input: 0 along those that are reduced
  std::int64_t results = 1;
  std::int64_t count = 1;            ///< of elements that meet in one
  std::vector<std::int64_t> kept{};  ///< dimensions of the result, with 1 for an axis that is reduced

  /// Calls one(x, to) for each line whose elements x[0..n) meet in element `to` of the result, or
  /// each(x, to) for each line of which element i goes to element to + i.
  template <class T, class One, class Each>
  void walk(const T* in, One&& one, Each&& each) const {
    const Dims none{};
    if (strides.back() == 0)
      for_each_line(dims, strides, none,
                    [&](std::int64_t at, std::int64_t to, std::int64_t) { one(in + at, to); });
    else
      for_each_line(dims, strides, none,
                    [&](std::int64_t at, std::int64_t to, std::int64_t) { each(in + at, to); });
  }
  std::int64_t line() const { return dims.back(); }
};

/// Over the axes that `is_reduced` marks, one entry for each axis of the shape.
inline Reduction make_reduction(const Shape& shape, const std::vector<bool>& is_reduced) {
  Reduction r;
  r.dims = padded_dims(shape);
  for (int i = 0; i < shape.rank(); ++i)
    r.kept.push_back(is_reduced[static_cast<std::size_t>(i)] ? 1 : shape[i]);
  const Shape result{std::span<const std::int64_t>(r.kept)};
  r.strides = broadcast_strides(result);
  r.results = result.elements();
  for (int i = 0; i < shape.rank(); ++i)
    if (is_reduced[static_cast<std::size_t>(i)]) r.count *= shape[i];
  return r;
}

}  // namespace lowbit::arrays
