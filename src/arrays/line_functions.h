// SPDX-License-Identifier: Apache-2.0
// Functions of two elements, applied line by line to two arrays that are broadcast.
#pragma once

#include "arrays/broadcast.h"
#include "arrays/call.h"

namespace lowbit::arrays {

/// How to walk through inputs 0 and 1.
struct BinaryWalk {
  Shape shape;
  Broadcast<2> lines;
};

/// Before opset 7 input 1 was broadcast along named axes only, where the attributes say so.
BinaryWalk make_binary_walk(const Call& call);

/// out = f(a, b) for n elements; steps are 0 or 1.
template <class A, class B, class R, class F>
void pair_line(const A* a, std::int64_t step_a, const B* b, std::int64_t step_b, R* out, std::int64_t n,
               F f) {
  if (step_a != 0 && step_b != 0) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
  } else if (step_a != 0) {
    const B y = *b;
    for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i], y);
  } else {
    const A x = *a;
    for (std::int64_t i = 0; i < n; ++i) out[i] = f(x, b[i * step_b]);
  }
}

template <class A, class B, class R, class F>
void for_each_pair(const Broadcast<2>& lines, const A* a, const B* b, R* out, F f) {
  const std::int64_t n = lines.dims.back();
  for_each_line(lines, [&](std::int64_t to, const std::array<std::int64_t, 2>& at) {
    pair_line(a + at[0], lines.strides[0].back(), b + at[1], lines.strides[1].back(), out + to, n, f);
  });
}

}  // namespace lowbit::arrays
