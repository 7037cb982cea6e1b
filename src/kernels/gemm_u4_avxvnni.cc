// u4 weights on AVX-VNNI (VEX), in 256-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/dot_ymm.inl"
//
#include "kernels/dot_format_u4.inl"
//
#include "kernels/dot_run_ymm.inl"
//
#include "kernels/dot_few_rows.inl"

constinit const GemmKernel kGemmU4AvxVnni =
    with_few_rows(dot_kernel("u4/avxvnni", WeightFormat::u4, Isa::avx2 | Isa::avxvnni));

}  // namespace lowbit
