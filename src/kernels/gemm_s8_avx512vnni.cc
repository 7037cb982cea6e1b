// s8 weights on AVX512-VNNI: vpdpbusd on four codes of K at a time, in 512-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/dot_zmm.inl"
//
#include "kernels/dot_format_s8.inl"
//
#include "kernels/dot_run_zmm.inl"

constinit const GemmKernel kGemmS8Avx512Vnni =
    dot_kernel("s8/avx512vnni", WeightFormat::s8, Isa::avx2 | Isa::avx512 | Isa::avx512vnni);

}  // namespace lowbit
