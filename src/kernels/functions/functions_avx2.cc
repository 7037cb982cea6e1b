// SPDX-License-Identifier: Apache-2.0
// The functions for AVX2.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/functions/function_kernel.h"

#include "kernels/simd/vec_avx2.inl"

#include "kernels/functions/functions.inl"

namespace lowbit::kernels {

const FunctionKernel kFunctionsAvx2 = functions::function_kernel("functions/avx2", Isa::avx2);

}  // namespace lowbit::kernels
