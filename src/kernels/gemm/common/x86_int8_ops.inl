// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the x86 engines that goes with the vectors of simd/vec.inl.
#pragma once

#include "kernels/simd/vec.inl"

#if LOWBIT_VECTOR_BITS == 512
#include "kernels/gemm/common/x86_int8_ops_zmm.inl"
#else
#include "kernels/gemm/common/x86_int8_ops_ymm.inl"
#endif
