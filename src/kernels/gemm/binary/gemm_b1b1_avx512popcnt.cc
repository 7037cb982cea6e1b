// SPDX-License-Identifier: Apache-2.0
// b1 weights with sign-bit activations on AVX-512 with population counts (BITALG): b1b1/avx512 but for
// popcount_bytes.
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
  return _mm512_popcnt_epi8(v);
}

}  // namespace
}  // namespace lowbit::kernels::binary

#include "kernels/gemm/binary/b1_gather.inl"

#include "kernels/gemm/binary/b1_carry_save.inl"

#include "kernels/gemm/binary/b1_rows.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmB1b1Avx512popcnt =
    binary::b1_kernel("b1b1/avx512popcnt", Isa::avx2 | Isa::avx512 | Isa::avx512popcnt);

}  // namespace lowbit::kernels
