// SPDX-License-Identifier: Apache-2.0
// The whole FP32 kernel of one ISA. The including file has set kMr and kNv (tile of the convolution: kMr
// rows, kNv packets), kName and kRequired in namespace lowbit::fp32's anonymous namespace, and has included
// Eigen under its own name. Everything here is in an anonymous namespace too, so that no inline function
// compiled under these flags can be the copy that a linker keeps for everyone.

#if defined(_MSC_VER)
#define LOWBIT_FORCE_INLINE __forceinline
#else
#define LOWBIT_FORCE_INLINE inline LOWBIT_ALWAYS_INLINE
#endif
#if defined(__clang__)
#define LOWBIT_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define LOWBIT_UNROLL _Pragma("GCC unroll 16")
#else
#define LOWBIT_UNROLL
#endif

#include "lowbit/core/detail/compiler.h"

#include "fp32/eigen_gemm.inl"

#include "fp32/eigen_gather.inl"

#include "fp32/eigen_conv.inl"

#include "fp32/eigen_depthwise.inl"

#include "fp32/eigen_weight_gradient.inl"

#include "fp32/eigen_linear.inl"

constexpr Fp32Kernel kKernel{
    kName,      kRequired, &gemm,      &gemm_scratch, &conv_packed_size, &conv_pack,        &conv_scratch,
    &conv_unit, &conv,     &depthwise, &linear,       &gradient_pitch,   &gradient_scratch, &weight_gradient};
