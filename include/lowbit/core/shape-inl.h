// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/core/shape.h"
#include "lowbit/core/view.h"

namespace lowbit {

LOWBIT_INLINE Shape::Shape(std::span<const std::int64_t> dims) {
  if (dims.size() > kMaxRank)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a shape of rank {} is more than the {} dimensions supported",
                                         dims.size(), kMaxRank));
  std::int64_t product = 1;
  for (const std::int64_t d : dims) {
    if (d < 0)
      detail::throw_error(ErrorCode::invalid_argument,
                          detail::sentence("a shape has the negative dimension {}", d));
    if (d != 0 && product > std::numeric_limits<std::int64_t>::max() / d)
      detail::throw_error(
          ErrorCode::invalid_argument,
          detail::sentence("the shape {} has more elements than 2^63", detail::join(dims, "x")));
    if (d != 0) product *= d;
    dims_[static_cast<std::size_t>(rank_++)] = d;
  }
}

LOWBIT_INLINE std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t d : dims()) product *= d;
  return product;
}

LOWBIT_INLINE std::string Shape::to_string() const {
  return rank_ == 0 ? "scalar" : detail::join(dims(), "x");
}

namespace detail {

LOWBIT_INLINE std::array<std::ptrdiff_t, Shape::kMaxRank> contiguous_strides(const Shape& shape) {
  std::array<std::ptrdiff_t, Shape::kMaxRank> strides{};
  std::ptrdiff_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= static_cast<std::ptrdiff_t>(shape[axis]);
  }
  return strides;
}

}  // namespace detail

}  // namespace lowbit
