// u4 weights on AVX-VNNI (VEX), in 256-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_avx2.inl"

#include "kernels/gemm/common/x86_format_u4.inl"

#include "kernels/gemm/x86_dot/dot_few_rows.inl"
#include "kernels/gemm/x86_dot/dot_run_ymm.inl"

namespace lowbit {

extern constinit const GemmKernel kGemmU4Avxvnni =
    x86_dot::with_few_rows(x86_dot::dot_kernel("u4/avxvnni", WeightFormat::u4, Isa::avx2 | Isa::avxvnni));

}  // namespace lowbit
