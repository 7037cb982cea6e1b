// SPDX-License-Identifier: Apache-2.0
// Numbers of the elements of a value that are sums over its axes: places in memory, channels.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "lowbit/core/shape.h"

namespace lowbit::detail {

inline constexpr std::int64_t kNowhere = -1;

/// Of each element of `shape` in logical order: the sum over axes of part(axis, coordinate), which are not
/// negative; kNowhere where one of them is that.
template <class Part>
std::vector<std::int64_t> element_sums(const Shape& shape, Part part) {
  std::vector<std::int64_t> sums{0};
  for (int axis = 0; axis < shape.rank(); ++axis) {
    std::vector<std::int64_t> finer;
    finer.reserve(sums.size() * static_cast<std::size_t>(shape[axis]));
    for (const std::int64_t sum : sums)
      for (std::int64_t i = 0; i < shape[axis]; ++i) {
        const std::int64_t more = part(axis, i);
        finer.push_back(sum < 0 || more < 0 ? kNowhere : sum + more);
      }
    sums = std::move(finer);
  }
  return sums;
}

}  // namespace lowbit::detail
