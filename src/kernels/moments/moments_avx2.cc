// SPDX-License-Identifier: Apache-2.0
// Moments on AVX2: half a tile, 4 x 8 sums, in registers. Both halves take a block of rows before the next,
// so that the second finds it in the L1 cache.
#include <immintrin.h>

#include <cstddef>

#include "kernels/moments/moment_kernel.h"

namespace lowbit::kernels {
namespace {

constexpr std::size_t kBlock = 128;  // rows: 8 KiB of each panel

inline void half(const double* a, const double* b, std::size_t rows, double* out) {
  __m256d sum[4][2];
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 2; ++j) sum[i][j] = _mm256_loadu_pd(out + 8 * i + 4 * j);
  for (std::size_t r = 0; r < rows; ++r, a += 8, b += 8) {
    const __m256d b0 = _mm256_loadu_pd(b), b1 = _mm256_loadu_pd(b + 4);
    for (int i = 0; i < 4; ++i) {
      const __m256d x = _mm256_broadcast_sd(a + i);
      sum[i][0] = _mm256_fmadd_pd(x, b0, sum[i][0]);
      sum[i][1] = _mm256_fmadd_pd(x, b1, sum[i][1]);
    }
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 2; ++j) _mm256_storeu_pd(out + 8 * i + 4 * j, sum[i][j]);
}

void products(const double* a, const double* b, std::size_t rows, double* out) {
  for (int e = 0; e < 64; e += 4) _mm256_storeu_pd(out + e, _mm256_setzero_pd());
  for (std::size_t r = 0; r < rows; r += kBlock) {
    const std::size_t count = rows - r < kBlock ? rows - r : kBlock;
    half(a + 8 * r, b + 8 * r, count, out);
    half(a + 8 * r + 4, b + 8 * r, count, out + 32);
  }
}

}  // namespace

const MomentKernel kMomentsAvx2{"moments/avx2", Isa::avx2, products};

}  // namespace lowbit::kernels
