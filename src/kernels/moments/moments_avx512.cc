// SPDX-License-Identifier: Apache-2.0
// Moments on AVX-512: a tile is eight registers.
#include <immintrin.h>

#include <cstddef>

#include "kernels/moments/moment_kernel.h"

namespace lowbit::kernels {
namespace {

void products(const double* a, const double* b, std::size_t rows, double* out) {
  __m512d sum[8];
  for (int i = 0; i < 8; ++i) sum[i] = _mm512_setzero_pd();
  for (std::size_t r = 0; r < rows; ++r, a += 8, b += 8) {
    const __m512d y = _mm512_loadu_pd(b);
    for (int i = 0; i < 8; ++i) sum[i] = _mm512_fmadd_pd(_mm512_set1_pd(a[i]), y, sum[i]);
  }
  for (int i = 0; i < 8; ++i) _mm512_storeu_pd(out + 8 * i, sum[i]);
}

}  // namespace

const MomentKernel kMomentsAvx512{"moments/avx512", Isa::avx512, products};

}  // namespace lowbit::kernels
