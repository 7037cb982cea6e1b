// SPDX-License-Identifier: Apache-2.0
// The vector vocabulary that the kernel file has chosen by including a vec_<isa>.inl first; else the widest
// that its compiler flags allow.
#pragma once

#ifndef LOWBIT_VECTOR_BITS
#if defined(__AVX512BW__)
#include "kernels/simd/vec_avx512.inl"
#elif defined(__AVX2__)
#include "kernels/simd/vec_avx2.inl"
#elif defined(__aarch64__)
#include "kernels/simd/vec_neon.inl"
#else
#include "kernels/simd/vec_scalar.inl"
#endif
#endif
