// SPDX-License-Identifier: Apache-2.0
// The elementwise loops for Advanced SIMD.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/elementwise_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/elementwise/elementwise.inl"

namespace lowbit::kernels {

extern constinit const ElementwiseKernel kElementwiseNeon =
    elementwise_loops::elementwise_kernel("elementwise/neon", Isa::neon);

}  // namespace lowbit::kernels
