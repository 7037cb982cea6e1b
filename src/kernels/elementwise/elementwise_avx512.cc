// SPDX-License-Identifier: Apache-2.0
// The elementwise loops for AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/elementwise_kernel.h"

#include "kernels/simd/vec_avx512.inl"

#include "kernels/elementwise/elementwise.inl"

namespace lowbit::kernels {

extern constinit const ElementwiseKernel kElementwiseAvx512 =
    elementwise_loops::elementwise_kernel("elementwise/avx512", Isa::avx2 | Isa::avx512);

}  // namespace lowbit::kernels
