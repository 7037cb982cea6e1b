// s2 weights with f32 activations on AVX2.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

namespace {
constexpr std::uint32_t kCodeBits = 2;
constexpr WeightFormat kFormat = WeightFormat::s2;
}  // namespace

#include "kernels/gemm/f32/f32_decode_avx2.inl"
//
#include "kernels/gemm/f32/f32_run.inl"

constinit const GemmKernel kGemmS2F32Avx2 = f32_kernel("s2f32/avx2", Isa::avx2);

}  // namespace lowbit
