// SPDX-License-Identifier: Apache-2.0
// b1 weights with sign-bit activations on AVX-512 (F, BW): carry-save adders, bytes counted by table lookup.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_avx512.inl"

namespace lowbit::kernels::binary {
namespace {

constexpr std::uint32_t kVecBytes = 64, kWordStep = 8, kTileRows = 8;
constexpr bool kPairs = true;

/// Ones in each byte.
inline __m512i popcount_bytes(__m512i v) {
  const __m512i counts =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  const __m512i nibble = _mm512_set1_epi8(15);
  const __m512i low = _mm512_and_si512(v, nibble), high = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
  return _mm512_add_epi8(_mm512_shuffle_epi8(counts, low), _mm512_shuffle_epi8(counts, high));
}

}  // namespace
}  // namespace lowbit::kernels::binary

#include "kernels/gemm/binary/b1_gather.inl"

#include "kernels/gemm/binary/b1_carry_save.inl"

#include "kernels/gemm/binary/b1_rows.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmB1b1Avx512 = binary::b1_kernel("b1b1/avx512", Isa::avx2 | Isa::avx512);

}  // namespace lowbit::kernels
