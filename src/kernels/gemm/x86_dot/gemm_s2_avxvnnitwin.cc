// The twin of s2/avxvnni in the EVEX encoding: the same source for processors with AVX512-VNNI, where it
// stands in for the original in tests. Never selected, since those processors have wider kernels.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/gemm/common/x86_vocabulary_ymm.inl"
//
#include "kernels/gemm/common/x86_format_s2.inl"
//
#include "kernels/gemm/x86_dot/dot_run_ymm.inl"
//
#include "kernels/gemm/x86_dot/dot_few_rows.inl"

constinit const GemmKernel kGemmS2AvxVnniTwin =
    with_few_rows(dot_kernel("s2/avxvnnitwin", WeightFormat::s2, Isa::avx2 | Isa::avx512 | Isa::avx512vnni));

}  // namespace lowbit
