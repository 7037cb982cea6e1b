// lut4 weights on AVX512-VNNI, in 512-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/dot_zmm.inl"
//
#include "kernels/dot_format_lut4.inl"
//
#include "kernels/dot_run_zmm.inl"
//
#include "kernels/dot_few_rows.inl"

constinit const GemmKernel kGemmLut4Avx512Vnni = with_few_rows(
    dot_kernel("lut4/avx512vnni", WeightFormat::lut4, Isa::avx2 | Isa::avx512 | Isa::avx512vnni));

}  // namespace lowbit
