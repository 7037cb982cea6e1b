// SPDX-License-Identifier: Apache-2.0
// The multiply-add of SDOT: four codes of K at a time, those of A taken from a lane. neon_engine_smull.inl
// says what each name means.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/neon/neon_rows.inl"
#include "kernels/simd/vec_neon.inl"

#define LOWBIT_NEON_ENGINE

namespace lowbit::kernels::neon {
namespace {

struct Engine {
  static constexpr unsigned kCols = 8, kStepCodes = 4, kStepVecs = 2, kMaxRows = 8;
  static constexpr bool kFlip = true, kWideProducts = true;

  template <unsigned kRows, bool>
  struct Tile {
    // One row alone has two accumulators only: four sets take turns, so that no product waits for the last.
    static constexpr unsigned kSets = kRows == 1 ? 4 : 1;
    static constexpr unsigned kValues = kRows * 2;
    int32x4_t acc[kSets][kRows][2];
    int8x16_t lhs[kRows];

    inline LOWBIT_ALWAYS_INLINE void begin(const int32x4_t* sums, const RowFactors<kRows>& factors) {
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
        for (unsigned h = 0; h < 2; ++h) {
          acc[0][i][h] = factors.times(sums[h], i);
#pragma GCC unroll 64
          for (unsigned s = 1; s < kSets; ++s) acc[s][i][h] = vdupq_n_s32(0);
        }
    }

    inline LOWBIT_ALWAYS_INLINE void set_lhs(const uint8x16_t* codes) {
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) lhs[i] = vreinterpretq_s8_u8(codes[i]);
    }

    template <unsigned kStep>
    inline LOWBIT_ALWAYS_INLINE void step(const int8x16_t* w) {
      constexpr unsigned s = kStep % kSets;
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        acc[s][i][0] = vdotq_laneq_s32(acc[s][i][0], w[0], lhs[i], kStep);
        acc[s][i][1] = vdotq_laneq_s32(acc[s][i][1], w[1], lhs[i], kStep);
      }
    }

    inline LOWBIT_ALWAYS_INLINE int32x4_t value(unsigned n) const {
      int32x4_t sum = acc[0][n / 2][n % 2];
#pragma GCC unroll 64
      for (unsigned s = 1; s < kSets; ++s) sum = vaddq_s32(sum, acc[s][n / 2][n % 2]);
      return sum;
    }
    static inline LOWBIT_ALWAYS_INLINE float32x4_t columns(const float32x4_t* v, unsigned n) {
      return v[n % 2];
    }
    template <class V>
    static inline LOWBIT_ALWAYS_INLINE V row(const V* values, unsigned i, unsigned h) {
      return values[2 * i + h];
    }
  };
};

}  // namespace
}  // namespace lowbit::kernels::neon
