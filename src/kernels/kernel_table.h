// The table entries that kernel files define, one a file. Plain data: kernel files include it.
#pragma once

#include "lowbit/kernels/depthwise_kernel.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

extern const GemmKernel kGemmS8Avx512Vnni, kGemmS8Avx2, kGemmS8NeonDot, kGemmS8Neon, kGemmS8Scalar;
extern const GemmKernel kGemmU4Scalar, kGemmS2Scalar;
extern const ElementwiseKernel kElementwiseAvx512, kElementwiseAvx2, kElementwiseNeon, kElementwiseScalar;
extern const DepthwiseKernel kDepthwiseAvx512Vnni, kDepthwiseAvx2, kDepthwiseNeonDot, kDepthwiseNeon,
    kDepthwiseScalar;

}  // namespace lowbit
