// SPDX-License-Identifier: Apache-2.0
// The multiply-add of USMMLA: two rows by two columns by eight codes of K. It takes A unsigned, as it lies
// in memory. neon_engine_smull.inl says what each name means.
//
// A vector of weights holds 8 codes of two columns; one of A 8 codes of two rows, interleaved after the load;
// an accumulator is [row 0, col 0] [row 0, col 1] [row 1, col 0] [row 1, col 1]. One row alone goes through
// USDOT on the same panel, its 8 codes in both halves: two lanes of an accumulator belong to a column.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/neon/neon_rows.inl"
#include "kernels/simd/vec_neon.inl"

#define LOWBIT_NEON_ENGINE

namespace lowbit::kernels::neon {
namespace {

/// Columns 2p and 2p + 1 of four, twice.
template <class V>
inline LOWBIT_ALWAYS_INLINE V pair_of(V four, unsigned p) {
  const auto halves = (int64x2_t)four;
  return (V)(p ? vdupq_laneq_s64(halves, 1) : vdupq_laneq_s64(halves, 0));
}

struct Engine {
  static constexpr unsigned kCols = 8, kStepCodes = 8, kStepVecs = 4, kMaxRows = 8;
  static constexpr bool kFlip = false, kWideProducts = true;

  template <unsigned kRows, bool>
  struct Tile {
    static constexpr unsigned kPairs = kRows / 2;
    static constexpr unsigned kValues = kPairs * 4;
    int32x4_t acc[kPairs][4];
    uint8x16_t lhs[2][kPairs];

    inline LOWBIT_ALWAYS_INLINE void begin(const int32x4_t* sums, const RowFactors<kRows>& factors) {
#pragma GCC unroll 64
      for (unsigned p = 0; p < kPairs; ++p)
#pragma GCC unroll 64
        for (unsigned q = 0; q < 4; ++q) acc[p][q] = factors.times_pair(pair_of(sums[q / 2], q % 2), p);
    }

    inline LOWBIT_ALWAYS_INLINE void set_lhs(const uint8x16_t* codes) {
#pragma GCC unroll 64
      for (unsigned p = 0; p < kPairs; ++p) {
        const uint64x2_t even = vreinterpretq_u64_u8(codes[2 * p]);
        const uint64x2_t odd = vreinterpretq_u64_u8(codes[2 * p + 1]);
        lhs[0][p] = vreinterpretq_u8_u64(vzip1q_u64(even, odd));
        lhs[1][p] = vreinterpretq_u8_u64(vzip2q_u64(even, odd));
      }
    }

    template <unsigned kStep>
    inline LOWBIT_ALWAYS_INLINE void step(const int8x16_t* w) {
#pragma GCC unroll 64
      for (unsigned p = 0; p < kPairs; ++p)
#pragma GCC unroll 64
        for (unsigned q = 0; q < 4; ++q) acc[p][q] = vusmmlaq_s32(acc[p][q], lhs[kStep][p], w[q]);
    }

    inline LOWBIT_ALWAYS_INLINE int32x4_t value(unsigned n) const {
      return acc[n / 4][n % 4];
    }
    static inline LOWBIT_ALWAYS_INLINE float32x4_t columns(const float32x4_t* v, unsigned n) {
      return pair_of(v[n % 4 / 2], n % 2);
    }
    template <class V>
    static inline LOWBIT_ALWAYS_INLINE V row(const V* values, unsigned i, unsigned h) {
      const auto left = (int64x2_t)values[i / 2 * 4 + 2 * h],
                 right = (int64x2_t)values[i / 2 * 4 + 2 * h + 1];
      return (V)(i % 2 ? vzip2q_s64(left, right) : vzip1q_s64(left, right));
    }
  };

  template <bool kExact>
  struct Tile<1, kExact> {
    static constexpr unsigned kValues = 2;
    int32x4_t acc[2][4],
        base[2];  // the two steps of 16 codes take turns, so that no product waits for the last
    uint8x16_t lhs[2];

    inline LOWBIT_ALWAYS_INLINE void begin(const int32x4_t* sums, const RowFactors<1>& factors) {
      base[0] = factors.times(sums[0], 0);
      base[1] = factors.times(sums[1], 0);
#pragma GCC unroll 64
      for (unsigned q = 0; q < 4; ++q) acc[0][q] = acc[1][q] = vdupq_n_s32(0);
    }

    inline LOWBIT_ALWAYS_INLINE void set_lhs(const uint8x16_t* codes) {
      const uint64x2_t both = vreinterpretq_u64_u8(codes[0]);
      lhs[0] = vreinterpretq_u8_u64(vdupq_laneq_u64(both, 0));
      lhs[1] = vreinterpretq_u8_u64(vdupq_laneq_u64(both, 1));
    }

    template <unsigned kStep>
    inline LOWBIT_ALWAYS_INLINE void step(const int8x16_t* w) {
#pragma GCC unroll 64
      for (unsigned q = 0; q < 4; ++q) acc[kStep][q] = vusdotq_s32(acc[kStep][q], lhs[kStep], w[q]);
    }

    inline LOWBIT_ALWAYS_INLINE int32x4_t value(unsigned h) const {
      const int32x4_t left = vaddq_s32(acc[0][2 * h], acc[1][2 * h]);
      const int32x4_t right = vaddq_s32(acc[0][2 * h + 1], acc[1][2 * h + 1]);
      return vaddq_s32(vpaddq_s32(left, right), base[h]);
    }
    static inline LOWBIT_ALWAYS_INLINE float32x4_t columns(const float32x4_t* v, unsigned h) {
      return v[h];
    }
    template <class V>
    static inline LOWBIT_ALWAYS_INLINE V row(const V* values, unsigned, unsigned h) {
      return values[h];
    }
  };
};

}  // namespace
}  // namespace lowbit::kernels::neon
