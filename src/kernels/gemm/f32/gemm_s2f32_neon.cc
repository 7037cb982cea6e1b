// s2 weights with f32 activations on Advanced SIMD.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

namespace {
constexpr std::uint32_t kCodeBits = 2;
constexpr WeightFormat kFormat = WeightFormat::s2;
}  // namespace

#include "kernels/gemm/f32/f32_decode_neon.inl"
//
#include "kernels/gemm/f32/f32_run.inl"

constinit const GemmKernel kGemmS2F32Neon = f32_kernel("s2f32/neon", Isa::neon);

}  // namespace lowbit
