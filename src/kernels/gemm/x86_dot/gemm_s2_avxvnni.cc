// SPDX-License-Identifier: Apache-2.0
// s2 weights on AVX-VNNI (VEX), in 256-bit tiles.
#include "kernels/simd/vec_avx2.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_s2.inl"
#include "kernels/gemm/x86_dot/dot_few_rows.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS2Avxvnni =
    x86_dot::few_rows_kernel("s2/avxvnni", WeightFormat::s2, Isa::avx2 | Isa::avxvnni);

}  // namespace lowbit::kernels
