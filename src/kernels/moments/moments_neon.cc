// SPDX-License-Identifier: Apache-2.0
// Moments on NEON: half a tile, 4 x 8 sums, is 16 registers; see moments_avx2.cc for the blocks.
#include <arm_neon.h>

#include <cstddef>

#include "kernels/moments/moment_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr std::size_t kBlock = 128;

inline void half(const double* a, const double* b, std::size_t rows, double* out) {
  float64x2_t sum[4][4];
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) sum[i][j] = vld1q_f64(out + 8 * i + 2 * j);
  for (std::size_t r = 0; r < rows; ++r, a += 8, b += 8) {
    const float64x2_t x0 = vld1q_f64(a), x1 = vld1q_f64(a + 2);
    for (int j = 0; j < 4; ++j) {
      const float64x2_t y = vld1q_f64(b + 2 * j);
      sum[0][j] = vfmaq_laneq_f64(sum[0][j], y, x0, 0);
      sum[1][j] = vfmaq_laneq_f64(sum[1][j], y, x0, 1);
      sum[2][j] = vfmaq_laneq_f64(sum[2][j], y, x1, 0);
      sum[3][j] = vfmaq_laneq_f64(sum[3][j], y, x1, 1);
    }
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) vst1q_f64(out + 8 * i + 2 * j, sum[i][j]);
}

void products(const double* a, const double* b, std::size_t rows, double* out) {
  for (int e = 0; e < 64; e += 2) vst1q_f64(out + e, vdupq_n_f64(0.0));
  for (std::size_t r = 0; r < rows; r += kBlock) {
    const std::size_t count = rows - r < kBlock ? rows - r : kBlock;
    half(a + 8 * r, b + 8 * r, count, out);
    half(a + 8 * r + 4, b + 8 * r, count, out + 32);
  }
}

}  // namespace

const MomentKernel kMomentsNeon{"moments/neon", Isa::neon, products};

}  // namespace lowbit::kernels
