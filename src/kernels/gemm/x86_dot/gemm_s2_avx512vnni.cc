// s2 weights on AVX512-VNNI, in 512-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_avx512.inl"

#include "kernels/gemm/common/x86_format_s2.inl"

#include "kernels/gemm/x86_dot/dot_few_rows.inl"
#include "kernels/gemm/x86_dot/dot_run_zmm.inl"

namespace lowbit {

extern constinit const GemmKernel kGemmS2Avx512vnni = x86_dot::with_few_rows(
    x86_dot::dot_kernel("s2/avx512vnni", WeightFormat::s2, Isa::avx2 | Isa::avx512 | Isa::avx512vnni));

}  // namespace lowbit
