// SPDX-License-Identifier: Apache-2.0
// The multiply-add of plain Advanced SIMD, which has no dot product: smull and smlal multiply bytes into
// 16-bit lanes, sadalp adds pairs of lanes to the 32-bit accumulators. What an engine offers to
// neon_loops.inl:
//   kCols, kStepCodes    columns of a block of the panel, and codes of K that one step multiplies
//   kStepVecs            16-byte vectors of int8 weights in a step; 16 codes of K are 16 / kStepCodes steps
//                       (byte b of vector v: code b % kStepCodes of column v * kCols / kStepVecs + b /
//                       kStepCodes)
//   kMaxRows             rows of the largest tile
//   kFlip                A is wanted as s8: its sign bit is flipped, which makes it a - 128
//   kWideProducts        products go straight to 32 bits, whatever the weights
//   Tile<rows, exact>    accumulators of that many rows and kCols columns. In the order of use:
//     begin       starts at row factor * column sum, the sums given four columns a vector
//     set_lhs     the next 16 codes of each row
//     step<s>     multiplies step s of these codes
//     value       sum number i of kValues, in an order of the engine's own
//     columns     what is given for the columns, four a vector, in the order of a value
//     row         columns 4h .. 4h + 3 of row i out of values
//
// Here 16 codes of K of one column lie together, so that a lane holds the products of one column only; the
// four lanes of an accumulator are added at the end. The sum of two products overflows int16 in one case
// only: -128 * -128 twice is 2^15. The exact tile, for panels with a weight of -128, adds products one by
// one.
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
  static constexpr unsigned kCols = 4, kStepCodes = 16, kStepVecs = 4, kMaxRows = 4;
  static constexpr bool kFlip = true, kWideProducts = false;

  template <unsigned kRows, bool kExact>
  struct Tile {
    static constexpr unsigned kValues = kRows;
    int32x4_t acc[kRows][4], base[kRows];
    int8x16_t lhs[kRows];

    inline LOWBIT_ALWAYS_INLINE void begin(const int32x4_t* sums, const RowFactors<kRows>& factors) {
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        base[i] = factors.times(sums[0], i);
#pragma GCC unroll 64
        for (unsigned c = 0; c < 4; ++c) acc[i][c] = vdupq_n_s32(0);
      }
    }

    inline LOWBIT_ALWAYS_INLINE void set_lhs(const uint8x16_t* codes) {
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) lhs[i] = vreinterpretq_s8_u8(codes[i]);
    }

    template <unsigned kStep>
    inline LOWBIT_ALWAYS_INLINE void step(const int8x16_t* w) {
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
        for (unsigned c = 0; c < 4; ++c) {
          const int16x8_t low = vmull_s8(vget_low_s8(lhs[i]), vget_low_s8(w[c]));
          if constexpr (kExact) {
            acc[i][c] = vpadalq_s16(vpadalq_s16(acc[i][c], low), vmull_high_s8(lhs[i], w[c]));
          } else {
            acc[i][c] = vpadalq_s16(acc[i][c], vmlal_high_s8(low, lhs[i], w[c]));
          }
        }
    }

    inline LOWBIT_ALWAYS_INLINE int32x4_t value(unsigned i) const {
      const int32x4_t sum = vpaddq_s32(vpaddq_s32(acc[i][0], acc[i][1]), vpaddq_s32(acc[i][2], acc[i][3]));
      return vaddq_s32(sum, base[i]);
    }
    static inline LOWBIT_ALWAYS_INLINE float32x4_t columns(const float32x4_t* v, unsigned) {
      return v[0];
    }
    template <class V>
    static inline LOWBIT_ALWAYS_INLINE V row(const V* values, unsigned i, unsigned) {
      return values[i];
    }
  };
};

}  // namespace
}  // namespace lowbit::kernels::neon
