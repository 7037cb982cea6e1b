// The elementwise loops for AVX2.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/simd/vec_avx2.inl"
//
#include "kernels/simd/codes_avx2.inl"
//
#include "kernels/simd/invalid_flag_x86.inl"
//
#include "kernels/elementwise/code_reals_avx2.inl"
//
#include "kernels/elementwise/elementwise.inl"

const ElementwiseKernel kElementwiseAvx2 = elementwise_kernel("elementwise/avx2", Isa::avx2);

}  // namespace lowbit
