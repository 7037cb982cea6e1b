// SPDX-License-Identifier: Apache-2.0
// The words and bytes that go with the vectors of simd/vec.inl.
#pragma once

#include "kernels/simd/vec.inl"

#if LOWBIT_VECTOR_BITS == 512
#include "kernels/simd/codes_avx512.inl"
#elif LOWBIT_VECTOR_BITS == 256
#include "kernels/simd/codes_avx2.inl"
#else
#include "kernels/simd/codes_neon.inl"
#endif
