// b1 weights with sign-bit activations on AVX-512 with population counts (BITALG): b1b1/avx512 but for
// popcount_bytes.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_avx512.inl"
//
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"

namespace {

constexpr std::uint32_t kVecBytes = 64, kWordStep = 8, kTileRows = 8;
constexpr bool kPairs = true;

/// Ones in each byte.
inline __m512i popcount_bytes(__m512i v) {
  return _mm512_popcnt_epi8(v);
}

}  // namespace

#include "kernels/b1_gather.inl"
//
#include "kernels/b1_carry_save.inl"
//
#include "kernels/b1_rows.inl"

constinit const GemmKernel kGemmB1B1Avx512Popcnt =
    b1_kernel("b1b1/avx512popcnt", Isa::avx2 | Isa::avx512 | Isa::avx512popcnt);

}  // namespace lowbit
