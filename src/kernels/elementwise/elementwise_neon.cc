// The elementwise loops for Advanced SIMD.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/simd/vec_neon.inl"
//
#include "kernels/simd/codes_neon.inl"
//
#include "kernels/elementwise/code_reals.inl"
//
#include "kernels/elementwise/elementwise.inl"

const ElementwiseKernel kElementwiseNeon = elementwise_kernel("elementwise/neon", Isa::neon);

}  // namespace lowbit
