// b1 weights with f32 activations on AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

namespace {
constexpr std::uint32_t kCodeBits = 1;
constexpr WeightFormat kFormat = WeightFormat::b1;
}  // namespace

#include "kernels/gemm/f32/f32_decode_avx512.inl"
//
#include "kernels/gemm/f32/f32_run.inl"

constinit const GemmKernel kGemmB1F32Avx512 = f32_kernel("b1f32/avx512", Isa::avx2 | Isa::avx512);

}  // namespace lowbit
