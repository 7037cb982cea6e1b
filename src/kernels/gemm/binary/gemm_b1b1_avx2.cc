// b1 weights with sign-bit activations on AVX2: mismatches of two rows at once by table lookup.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/simd/vec_avx2.inl"
//
#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"

namespace {

constexpr std::uint32_t kVecBytes = 64, kWordStep = 3, kTileRows = 16;
constexpr bool kPairs = false;

}  // namespace

#include "kernels/gemm/binary/b1_gather.inl"
//
#include "kernels/gemm/binary/b1_lookup.inl"
//
#include "kernels/gemm/binary/b1_rows.inl"

constinit const GemmKernel kGemmB1B1Avx2 = b1_kernel("b1b1/avx2", Isa::avx2);

}  // namespace lowbit
