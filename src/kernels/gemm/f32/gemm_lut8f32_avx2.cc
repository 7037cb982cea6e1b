// SPDX-License-Identifier: Apache-2.0
// lut8 weights with f32 activations on AVX2.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_avx2.inl"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels::f32 {
namespace {

constexpr std::uint32_t kCodeBits = 8;
constexpr WeightFormat kFormat = WeightFormat::lut8;

}  // namespace
}  // namespace lowbit::kernels::f32

#include "kernels/gemm/f32/f32_decode_avx2.inl"

#include "kernels/gemm/f32/f32_run.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmLut8f32Avx2 = f32::f32_kernel("lut8f32/avx2", Isa::avx2);

}  // namespace lowbit::kernels
