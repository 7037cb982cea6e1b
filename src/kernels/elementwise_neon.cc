// The elementwise loops for Advanced SIMD.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/vec_neon.inl"
//
#include "kernels/codes_neon.inl"
//
#include "kernels/code_reals.inl"
//
#include "kernels/elementwise.inl"

const ElementwiseKernel kElementwiseNeon = elementwise_kernel("elementwise/neon", Isa::neon);

}  // namespace lowbit
