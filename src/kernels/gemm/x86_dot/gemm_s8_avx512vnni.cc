// SPDX-License-Identifier: Apache-2.0
// s8 weights on AVX512-VNNI: vpdpbusd on four codes of K at a time, in 512-bit tiles.
#include "kernels/simd/vec_avx512.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_s8.inl"
#include "kernels/gemm/x86_dot/dot_engine.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS8Avx512vnni =
    x86_dot::dot_kernel("s8/avx512vnni", WeightFormat::s8, Isa::avx2 | Isa::avx512 | Isa::avx512vnni);

}  // namespace lowbit::kernels
