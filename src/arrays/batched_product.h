// SPDX-License-Identifier: Apache-2.0
// Products of the last two axes of arrays as numpy's matmul has them: the other axes broadcast.
#pragma once

#include <algorithm>
#include <cstdint>

#include "arrays/call.h"
#include "arrays/product.h"
#include "arrays/walk.h"

namespace lowbit::arrays {

struct BatchedProduct {
  std::int64_t m = 1, n = 1, k = 1;
  Dims batch{}, a_strides{}, b_strides{};  ///< the last entry is of no axis
  Shape output{};

  template <class T>
  void multiply(const T* a, const T* b, T* c) const {
    std::fill_n(c, output.elements(), T{});
    for_each_line(batch, a_strides, b_strides, [&](std::int64_t at, std::int64_t i, std::int64_t j) {
      add_product<T>(m, n, k, {a + i * m * k, k, 1}, b + j * k * n, n, c + at * m * n, n);
    });
  }
};

/// Of inputs `a` and `b`.
BatchedProduct batched_product(const Call& call, int a, int b);

/// Integers are multiplied as their bits, which wrap.
inline const std::uint64_t* bits(const std::int64_t* p) {
  return reinterpret_cast<const std::uint64_t*>(p);
}

inline std::uint64_t* bits(std::int64_t* p) {
  return reinterpret_cast<std::uint64_t*>(p);
}

}  // namespace lowbit::arrays
