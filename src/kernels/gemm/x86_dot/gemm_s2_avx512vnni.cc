// SPDX-License-Identifier: Apache-2.0
// s2 weights on AVX512-VNNI, in 512-bit tiles.
#include "kernels/simd/vec_avx512.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_s2.inl"
#include "kernels/gemm/x86_dot/dot_few_rows.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS2Avx512vnni =
    x86_dot::few_rows_kernel("s2/avx512vnni", WeightFormat::s2, Isa::avx2 | Isa::avx512 | Isa::avx512vnni);

}  // namespace lowbit::kernels
