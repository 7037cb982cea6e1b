// SPDX-License-Identifier: Apache-2.0
// The functions for Advanced SIMD.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/functions/function_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/functions/functions.inl"

namespace lowbit::kernels {

const FunctionKernel kFunctionsNeon = functions::function_kernel("functions/neon", Isa::neon);

}  // namespace lowbit::kernels
