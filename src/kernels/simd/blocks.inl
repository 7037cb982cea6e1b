// SPDX-License-Identifier: Apache-2.0
// The loads and transpositions that go with the vectors of simd/vec.inl.
#pragma once

#include "kernels/simd/vec.inl"

#if LOWBIT_VECTOR_BITS == 512
#include "kernels/simd/blocks_avx512.inl"
#else
#include "kernels/simd/blocks_avx2.inl"
#endif
