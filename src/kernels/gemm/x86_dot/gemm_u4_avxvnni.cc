// SPDX-License-Identifier: Apache-2.0
// u4 weights on AVX-VNNI (VEX), in 256-bit tiles.
#include "kernels/simd/vec_avx2.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_u4.inl"
#include "kernels/gemm/x86_dot/dot_few_rows.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmU4Avxvnni =
    x86_dot::few_rows_kernel("u4/avxvnni", WeightFormat::u4, Isa::avx2 | Isa::avxvnni);

}  // namespace lowbit::kernels
