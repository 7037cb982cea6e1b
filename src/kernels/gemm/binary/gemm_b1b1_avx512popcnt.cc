// b1 weights with sign-bit activations on AVX-512 with population counts (BITALG): b1b1/avx512 but for
// popcount_bytes.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/simd/vec_avx512.inl"
//
#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"

namespace {

constexpr std::uint32_t kVecBytes = 64, kWordStep = 8, kTileRows = 8;
constexpr bool kPairs = true;

/// Ones in each byte.
inline __m512i popcount_bytes(__m512i v) {
  return _mm512_popcnt_epi8(v);
}

}  // namespace

#include "kernels/gemm/binary/b1_gather.inl"
//
#include "kernels/gemm/binary/b1_carry_save.inl"
//
#include "kernels/gemm/binary/b1_rows.inl"

constinit const GemmKernel kGemmB1B1Avx512Popcnt =
    b1_kernel("b1b1/avx512popcnt", Isa::avx2 | Isa::avx512 | Isa::avx512popcnt);

}  // namespace lowbit
