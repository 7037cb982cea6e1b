// SPDX-License-Identifier: Apache-2.0
// s2 weights with f32 activations on AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_avx512.inl"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels::f32 {
namespace {

constexpr std::uint32_t kCodeBits = 2;
constexpr WeightFormat kFormat = WeightFormat::s2;

}  // namespace
}  // namespace lowbit::kernels::f32

#include "kernels/gemm/f32/f32_decode_avx512.inl"

#include "kernels/gemm/f32/f32_run.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS2f32Avx512 = f32::f32_kernel("s2f32/avx512", Isa::avx2 | Isa::avx512);

}  // namespace lowbit::kernels
