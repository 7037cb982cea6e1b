// SPDX-License-Identifier: Apache-2.0
// The elementwise loops for AVX2.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/elementwise_kernel.h"

#include "kernels/simd/vec_avx2.inl"

#include "kernels/elementwise/elementwise.inl"

namespace lowbit::kernels {

extern constinit const ElementwiseKernel kElementwiseAvx2 =
    elementwise_loops::elementwise_kernel("elementwise/avx2", Isa::avx2);

}  // namespace lowbit::kernels
