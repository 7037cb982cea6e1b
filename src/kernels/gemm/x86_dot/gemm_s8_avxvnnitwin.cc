// The twin of s8/avxvnni in the EVEX encoding: the same source for processors with AVX512-VNNI, where it
// stands in for the original in tests. Never selected, since those processors have wider kernels.
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

constinit const GemmKernel kGemmS8AvxVnniTwin =
    dot_kernel("s8/avxvnnitwin", WeightFormat::s8, Isa::avx2 | Isa::avx512 | Isa::avx512vnni);

}  // namespace lowbit
