// SPDX-License-Identifier: Apache-2.0
// Words on AVX2: vpmaddwd multiplies a pair of rows of eight columns by a pair of one row of the first matrix
// and adds the two products. A tile of up to 6 x 16 sums stays in registers.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/words/word_kernel.h"

namespace lowbit::kernels {
namespace {

inline __m256i pair_of(const std::int16_t* p) {
  std::int32_t both;
  std::memcpy(&both, p, sizeof(both));
  return _mm256_set1_epi32(both);
}

template <int Rows, int Panels>
inline void tile(const WordProduct& p, std::int64_t r, std::int64_t c) {
  const std::int16_t* a = p.a + r * p.a_stride;
  const std::int16_t* b = p.b + c * p.depth;
  __m256i sums[Rows][Panels];
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Panels; ++j) sums[i][j] = _mm256_setzero_si256();
  for (std::int64_t k = 0; k < p.depth; k += 2) {
    __m256i columns[Panels];
    for (int j = 0; j < Panels; ++j)
      columns[j] =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + j * kWordTile * p.depth + k * kWordTile));
    for (int i = 0; i < Rows; ++i) {
      const __m256i pair = pair_of(a + i * p.a_stride + k);
      for (int j = 0; j < Panels; ++j)
        sums[i][j] = _mm256_add_epi32(sums[i][j], _mm256_madd_epi16(pair, columns[j]));
    }
  }
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Panels; ++j)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p.out + (r + i) * p.out_stride + c + j * kWordTile),
                          sums[i][j]);
}

template <int Panels>
inline void columns_of(const WordProduct& p, std::int64_t c) {
  std::int64_t r = 0;
  for (; r + 6 <= p.rows; r += 6) tile<6, Panels>(p, r, c);
  for (; r + 2 <= p.rows; r += 2) tile<2, Panels>(p, r, c);
  if (r < p.rows) tile<1, Panels>(p, r, c);
}

void multiply(const WordProduct& p) {
  std::int64_t c = 0;
  for (; c + 2 * kWordTile <= p.cols; c += 2 * kWordTile) columns_of<2>(p, c);
  if (c < p.cols) columns_of<1>(p, c);
}

}  // namespace

const WordKernel kWordsAvx2{"words/avx2", Isa::avx2, multiply};

}  // namespace lowbit::kernels
