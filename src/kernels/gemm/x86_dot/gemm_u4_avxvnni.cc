// u4 weights on AVX-VNNI (VEX), in 256-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/gemm/common/x86_vocabulary_ymm.inl"
//
#include "kernels/gemm/common/x86_format_u4.inl"
//
#include "kernels/gemm/x86_dot/dot_run_ymm.inl"
//
#include "kernels/gemm/x86_dot/dot_few_rows.inl"

constinit const GemmKernel kGemmU4AvxVnni =
    with_few_rows(dot_kernel("u4/avxvnni", WeightFormat::u4, Isa::avx2 | Isa::avxvnni));

}  // namespace lowbit
