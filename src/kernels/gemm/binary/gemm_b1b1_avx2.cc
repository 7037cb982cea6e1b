// SPDX-License-Identifier: Apache-2.0
// b1 weights with sign-bit activations on AVX2: mismatches of two rows at once by table lookup.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_avx2.inl"

namespace lowbit::kernels::binary {
namespace {

constexpr std::uint32_t kVecBytes = 64, kWordStep = 3, kTileRows = 16;
constexpr bool kPairs = false;

}  // namespace
}  // namespace lowbit::kernels::binary

#include "kernels/gemm/binary/b1_gather.inl"

#include "kernels/gemm/binary/b1_lookup.inl"

#include "kernels/gemm/binary/b1_rows.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmB1b1Avx2 = binary::b1_kernel("b1b1/avx2", Isa::avx2);

}  // namespace lowbit::kernels
