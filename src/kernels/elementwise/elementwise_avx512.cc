// The elementwise loops for AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/simd/vec_avx512.inl"
//
#include "kernels/simd/codes_avx512.inl"
//
#include "kernels/simd/invalid_flag_x86.inl"
//
#include "kernels/elementwise/code_reals.inl"
//
#include "kernels/elementwise/elementwise.inl"

const ElementwiseKernel kElementwiseAvx512 =
    elementwise_kernel("elementwise/avx512", Isa::avx2 | Isa::avx512);

}  // namespace lowbit
