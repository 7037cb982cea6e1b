// SPDX-License-Identifier: Apache-2.0
// The functions one element at a time: what the others are held against.
#include <cstddef>
#include <cstdint>

#include "kernels/functions/function_kernel.h"

#include "kernels/simd/vec_scalar.inl"

#include "kernels/functions/functions.inl"

namespace lowbit::kernels {

const FunctionKernel kFunctionsScalar = functions::function_kernel("functions/scalar", Isa::scalar);

}  // namespace lowbit::kernels
