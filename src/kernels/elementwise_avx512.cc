// The elementwise loops for AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/vec_avx512.inl"
//
#include "kernels/codes_avx512.inl"
//
#include "kernels/invalid_flag_x86.inl"
//
#include "kernels/code_reals.inl"
//
#include "kernels/elementwise.inl"

const ElementwiseKernel kElementwiseAvx512 =
    elementwise_kernel("elementwise/avx512", Isa::avx2 | Isa::avx512);

}  // namespace lowbit
