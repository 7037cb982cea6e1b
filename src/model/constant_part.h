// SPDX-License-Identifier: Apache-2.0
// A part of a constant: a box of its elements.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/shape.h"

namespace lowbit::detail {

/// Elements [starts[i], starts[i] + part[i]) along each axis of row-major elements of shape `whole`, which
/// has them.
template <class T>
std::vector<T> part_of(const std::vector<T>& elements, const Shape& whole, const Shape& part,
                       std::span<const std::int64_t> starts) {
  std::vector<T> taken;
  taken.reserve(static_cast<std::size_t>(part.elements()));
  const std::int64_t line = whole.rank() == 0 ? 1 : part[part.rank() - 1];
  const std::int64_t lines = line == 0 ? 0 : part.elements() / line;
  for (std::int64_t i = 0; i < lines; ++i) {
    std::int64_t at = 0, stride = 1, left = i;
    for (int axis = whole.rank() - 1; axis >= 0; --axis) {
      std::int64_t place = starts[static_cast<std::size_t>(axis)];
      if (axis < whole.rank() - 1) place += left % part[axis], left /= part[axis];
      at += place * stride;
      stride *= whole[axis];
    }
    taken.insert(taken.end(), elements.begin() + at, elements.begin() + at + line);
  }
  return taken;
}

}  // namespace lowbit::detail
