// SPDX-License-Identifier: Apache-2.0
// The functions for AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/functions/function_kernel.h"

#include "kernels/simd/vec_avx512.inl"

#include "kernels/functions/functions.inl"

namespace lowbit::kernels {

const FunctionKernel kFunctionsAvx512 = functions::function_kernel("functions/avx512", Isa::avx512);

}  // namespace lowbit::kernels
