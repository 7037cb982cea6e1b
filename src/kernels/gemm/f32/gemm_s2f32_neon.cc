// SPDX-License-Identifier: Apache-2.0
// s2 weights with f32 activations on Advanced SIMD.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_neon.inl"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels::f32 {
namespace {

constexpr std::uint32_t kCodeBits = 2;
constexpr WeightFormat kFormat = WeightFormat::s2;

}  // namespace
}  // namespace lowbit::kernels::f32

#include "kernels/gemm/f32/f32_decode_neon.inl"

#include "kernels/gemm/f32/f32_run.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS2f32Neon = f32::f32_kernel("s2f32/neon", Isa::neon);

}  // namespace lowbit::kernels
