// SPDX-License-Identifier: Apache-2.0
// u4 weights on AVX512-VNNI, in 512-bit tiles.
#include "kernels/simd/vec_avx512.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_u4.inl"
#include "kernels/gemm/x86_dot/dot_few_rows.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmU4Avx512vnni =
    x86_dot::few_rows_kernel("u4/avx512vnni", WeightFormat::u4, Isa::avx2 | Isa::avx512 | Isa::avx512vnni);

}  // namespace lowbit::kernels
