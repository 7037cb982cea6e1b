// SPDX-License-Identifier: Apache-2.0
// What a unit of column sum costs each row of a tile: the flip of A's sign bit, which makes codes 128 less,
// and the row's zero point.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels::neon {
namespace {

template <unsigned kRows>
struct RowFactors {
  static constexpr unsigned kVecs = (kRows + 3) / 4;
  bool flip, has_zeros;
  int32x4_t factor[kVecs];

  /// `zeros` [kRows] may be null: then all rows have the same factor, 128 or 0.
  inline LOWBIT_ALWAYS_INLINE RowFactors(bool flipped, const std::int32_t* zeros)
      : flip(flipped), has_zeros(zeros != nullptr) {
    alignas(16) std::int32_t values[kVecs * 4] = {};
    for (unsigned i = 0; i < kRows && zeros != nullptr; ++i) values[i] = (flip ? 128 : 0) - zeros[i];
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) factor[v] = vld1q_s32(values + 4 * v);
  }

  /// Factor of row i times the sums of four columns.
  inline LOWBIT_ALWAYS_INLINE int32x4_t times(int32x4_t sums, unsigned i) const {
    if (!has_zeros) return flip ? vshlq_n_s32(sums, 7) : vdupq_n_s32(0);
    const int32x4_t f = factor[i / 4];
    switch (i % 4) {
      case 0:
        return vmulq_laneq_s32(sums, f, 0);
      case 1:
        return vmulq_laneq_s32(sums, f, 1);
      case 2:
        return vmulq_laneq_s32(sums, f, 2);
      default:
        return vmulq_laneq_s32(sums, f, 3);
    }
  }

  /// Factors of rows 2p and 2p + 1, each times two columns.
  inline LOWBIT_ALWAYS_INLINE int32x4_t times_pair(int32x4_t sums, unsigned p) const {
    if (!has_zeros) return flip ? vshlq_n_s32(sums, 7) : vdupq_n_s32(0);
    const int32x4_t f = factor[p / 2];
    return vmulq_s32(sums, p % 2 ? vzip2q_s32(f, f) : vzip1q_s32(f, f));
  }
};

}  // namespace
}  // namespace lowbit::kernels::neon
