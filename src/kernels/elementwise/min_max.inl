// SPDX-License-Identifier: Apache-2.0
// Minimum and maximum of the finite elements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/codes.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

struct Extremes {
  // Written out: a constructor that the compiler makes is not compiled for the instruction set of a target
  // region.
  Extremes() : min(broadcast_f(__builtin_inff())), max(broadcast_f(-__builtin_inff())) {}
  VecF min, max;
};

/// A NaN leaves the extremes as they are.
inline void extend(Extremes& e, VecF x) {
  e.min = smaller(x, e.min);
  e.max = larger(x, e.max);
}

/// n elements, at least kBlock. Returns false if one of them is not finite; then `e` is of no use.
inline bool finite_extremes(const float* x, std::size_t n, Extremes& e) {
  constexpr unsigned kVectors = 4;
  Extremes part[kVectors];
  VecF poisoned[kVectors];
  for (VecF& v : poisoned) v = broadcast_f(0.0f);
  const auto block = [&](const float* p) {
#pragma GCC unroll 4
    for (unsigned v = 0; v < kVectors; ++v) {
      const VecF f = load_f(p + v * kLanes);
      extend(part[v], f);
      poisoned[v] = poison(poisoned[v], f);
    }
  };
  const float *end = x + n, *last = end - kBlock;
  for (; x < last; x += kBlock) block(x);
  block(last);
  for (const Extremes& p : part) {
    e.min = smaller(p.min, e.min);
    e.max = larger(p.max, e.max);
  }
  const VecF all = add_f(add_f(poisoned[0], poisoned[1]), add_f(poisoned[2], poisoned[3]));
  return count_true(is_finite(all)) == kLanes;
}

/// The same for few elements: whole vectors, fewer than kBlock.
inline bool few_finite_extremes(const float* x, std::size_t n, Extremes& e) {
  VecF poisoned = broadcast_f(0.0f);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const VecF f = load_f(x + i);
    extend(e, f);
    poisoned = poison(poisoned, f);
  }
  return count_true(is_finite(poisoned)) == kLanes;
}

/// Any number of elements, with a look at each; returns how many are finite.
inline std::size_t extremes_of_finite(const float* x, std::size_t n, Extremes& e) {
  std::size_t count = 0;
  const auto vector = [&](const float* p) {
    const VecF f = load_f(p);
    const Mask finite = is_finite(f);
    count += count_true(finite);
    e.min = select_f(finite, smaller(f, e.min), e.min);
    e.max = select_f(finite, larger(f, e.max), e.max);
  };
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) vector(x + i);
  if (i < n) {
    float rest[kLanes];
    store_f(rest, broadcast_f(__builtin_inff()));
    __builtin_memcpy(rest, x + i, (n - i) * sizeof(float));
    vector(rest);
  }
  return count;
}

std::size_t min_max(const float* x, std::size_t n, float* min, float* max) {
  Extremes e;
  std::size_t finite = n;
  const bool all_finite =
      n >= kBlock ? finite_extremes(x, n, e) : n % kLanes == 0 && few_finite_extremes(x, n, e);
  if (!all_finite) {
    e = Extremes();
    finite = extremes_of_finite(x, n, e);
  }
  // Which of -0 and +0 is met first depends on the number of lanes: both become +0.
  *min = smallest_lane(e.min) + 0.0f;
  *max = largest_lane(e.max) + 0.0f;
  return n - finite;
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
