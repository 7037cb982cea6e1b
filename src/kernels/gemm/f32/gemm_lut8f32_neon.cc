// SPDX-License-Identifier: Apache-2.0
// lut8 weights with f32 activations on Advanced SIMD.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_neon.inl"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels::f32 {
namespace {

constexpr std::uint32_t kCodeBits = 8;
constexpr WeightFormat kFormat = WeightFormat::lut8;

}  // namespace
}  // namespace lowbit::kernels::f32

#include "kernels/gemm/f32/f32_decode_neon.inl"

#include "kernels/gemm/f32/f32_run.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmLut8f32Neon = f32::f32_kernel("lut8f32/neon", Isa::neon);

}  // namespace lowbit::kernels
