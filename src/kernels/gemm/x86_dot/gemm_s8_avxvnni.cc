// SPDX-License-Identifier: Apache-2.0
// s8 weights on AVX-VNNI (VEX), in 256-bit tiles.
#include "kernels/simd/vec_avx2.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_s8.inl"
#include "kernels/gemm/x86_dot/dot_engine.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS8Avxvnni =
    x86_dot::dot_kernel("s8/avxvnni", WeightFormat::s8, Isa::avx2 | Isa::avxvnni);

}  // namespace lowbit::kernels
