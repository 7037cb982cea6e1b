// lut4 weights on AVX512-VNNI, in 512-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/gemm/common/x86_vocabulary_zmm.inl"
//
#include "kernels/gemm/common/x86_format_lut4.inl"
//
#include "kernels/gemm/x86_dot/dot_run_zmm.inl"
//
#include "kernels/gemm/x86_dot/dot_few_rows.inl"

constinit const GemmKernel kGemmLut4Avx512Vnni = with_few_rows(
    dot_kernel("lut4/avx512vnni", WeightFormat::lut4, Isa::avx2 | Isa::avx512 | Isa::avx512vnni));

}  // namespace lowbit
