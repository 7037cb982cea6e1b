// s8 weights on AVX-VNNI (VEX), in 256-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/gemm/common/x86_vocabulary_ymm.inl"
//
#include "kernels/gemm/common/x86_format_s8.inl"
//
#include "kernels/gemm/x86_dot/dot_run_ymm.inl"

constinit const GemmKernel kGemmS8AvxVnni =
    dot_kernel("s8/avxvnni", WeightFormat::s8, Isa::avx2 | Isa::avxvnni);

}  // namespace lowbit
