// SPDX-License-Identifier: Apache-2.0
// Softmax of a row and its parts, over the vectors of simd/vec.inl. Element i belongs to partial sum i mod 16
// on every instruction set, and the sixteen are added up in halves.
#pragma once

#include "kernels/functions/exponential.inl"

namespace lowbit::kernels::functions {
namespace {

static_assert(kPartialSums % kLanes == 0);
constexpr unsigned kRowVectors = kPartialSums / kLanes;

/// Calls body(x, y) for blocks of 16 elements; y may be null. The last block is a copy, filled up with
/// `filling`.
template <class Body>
inline void for_each_block(const float* x, std::size_t n, float filling, float* y, Body body) {
  std::size_t i = 0;
  for (; i + kPartialSums <= n; i += kPartialSums) body(x + i, y ? y + i : nullptr);
  if (i == n) return;
  float rest[kPartialSums];
  for (unsigned k = 0; k < kPartialSums; ++k) rest[k] = i + k < n ? x[i + k] : filling;
  float result[kPartialSums];
  body(rest, result);
  for (std::size_t k = i; y && k < n; ++k) y[k] = result[k - i];
}

template <class Fold>
inline float fold_lanes(const VecF* lanes, Fold fold) {
  float value[kPartialSums];
  for (unsigned v = 0; v < kRowVectors; ++v) store_f(value + v * kLanes, lanes[v]);
  for (unsigned half = kPartialSums / 2; half > 0; half /= 2)
    for (unsigned k = 0; k < half; ++k) value[k] = fold(value[k], value[k + half]);
  return value[0];
}

float largest(const float* x, std::size_t n) {
  VecF most[kRowVectors];
  for (unsigned v = 0; v < kRowVectors; ++v) most[v] = broadcast_f(-__builtin_inff());
  for_each_block(x, n, -__builtin_inff(), nullptr, [&](const float* from, float*) {
    for (unsigned v = 0; v < kRowVectors; ++v) most[v] = larger(load_f(from + v * kLanes), most[v]);
  });
  return fold_lanes(most, [](float a, float b) { return a > b ? a : b; });
}

float exp_sum(const float* x, std::size_t n, float shift, float* y) {
  const VecF by = broadcast_f(shift);
  VecF sum[kRowVectors];
  for (unsigned v = 0; v < kRowVectors; ++v) sum[v] = broadcast_f(0.0f);
  for_each_block(x, n, -__builtin_inff(), y, [&](const float* from, float* to) {
    for (unsigned v = 0; v < kRowVectors; ++v) {
      const VecF e = exp_of_nonpositive(sub_f(load_f(from + v * kLanes), by));
      sum[v] = add_f(sum[v], e);
      store_f(to + v * kLanes, e);
    }
  });
  return fold_lanes(sum, [](float a, float b) { return a + b; });
}

void softmax(const float* x, std::size_t n, float* y) {
  const float scale = 1.0f / exp_sum(x, n, largest(x, n), y);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_f(y + i, mul_f(load_f(y + i), broadcast_f(scale)));
  for (; i < n; ++i) y[i] *= scale;
}

}  // namespace
}  // namespace lowbit::kernels::functions
