// SPDX-License-Identifier: Apache-2.0
// Words on NEON: the pairs of a panel are taken apart, and each row of eight columns is multiplied by one
// word of the first matrix. A tile is 4 x 8 sums.
#include <arm_neon.h>

#include <cstdint>

#include "kernels/words/word_kernel.h"

namespace lowbit::kernels {
namespace {

template <int Rows>
inline void tile(const WordProduct& p, std::int64_t r, std::int64_t c) {
  const std::int16_t* a = p.a + r * p.a_stride;
  const std::int16_t* b = p.b + c * p.depth;
  int32x4_t low[Rows], high[Rows];
  for (int i = 0; i < Rows; ++i) low[i] = high[i] = vdupq_n_s32(0);
  for (std::int64_t k = 0; k < p.depth; k += 2) {
    const int16x8x2_t rows = vld2q_s16(b + k * kWordTile);
    for (int i = 0; i < Rows; ++i)
      for (int half = 0; half < 2; ++half) {
        const std::int16_t x = a[i * p.a_stride + k + half];
        low[i] = vmlal_n_s16(low[i], vget_low_s16(rows.val[half]), x);
        high[i] = vmlal_n_s16(high[i], vget_high_s16(rows.val[half]), x);
      }
  }
  for (int i = 0; i < Rows; ++i) {
    vst1q_s32(p.out + (r + i) * p.out_stride + c, low[i]);
    vst1q_s32(p.out + (r + i) * p.out_stride + c + 4, high[i]);
  }
}

void multiply(const WordProduct& p) {
  for (std::int64_t c = 0; c < p.cols; c += kWordTile) {
    std::int64_t r = 0;
    for (; r + 4 <= p.rows; r += 4) tile<4>(p, r, c);
    for (; r < p.rows; ++r) tile<1>(p, r, c);
  }
}

}  // namespace

const WordKernel kWordsNeon{"words/neon", Isa::neon, multiply};

}  // namespace lowbit::kernels
