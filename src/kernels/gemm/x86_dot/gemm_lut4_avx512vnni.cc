// lut4 weights on AVX512-VNNI, in 512-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_avx512.inl"

#include "kernels/gemm/common/x86_format_lut4.inl"

#include "kernels/gemm/x86_dot/dot_few_rows.inl"
#include "kernels/gemm/x86_dot/dot_run_zmm.inl"

namespace lowbit {

extern constinit const GemmKernel kGemmLut4Avx512vnni = x86_dot::with_few_rows(
    x86_dot::dot_kernel("lut4/avx512vnni", WeightFormat::lut4, Isa::avx2 | Isa::avx512 | Isa::avx512vnni));

}  // namespace lowbit
