// The table entries that kernel files define, one a file. Plain data: kernel files include it.
#pragma once

#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

extern const GemmKernel kGemmS8Avx512Vnni, kGemmS8Avx2, kGemmS8Scalar;
extern const GemmKernel kGemmS8NeonI8mm, kGemmS8NeonDot, kGemmS8Neon;
extern const GemmKernel kGemmU4NeonI8mm, kGemmU4NeonDot, kGemmU4Neon;
extern const GemmKernel kGemmS2NeonI8mm, kGemmS2NeonDot, kGemmS2Neon;
extern const GemmKernel kGemmLut4NeonDot, kGemmLut4Neon, kGemmB1B1Neon;
extern const GemmKernel kGemmU4Scalar, kGemmLut4Scalar, kGemmS2Scalar, kGemmB1Scalar, kGemmB1B1Scalar;
extern const GemmKernel kGemmU4F32Scalar, kGemmLut4F32Scalar, kGemmLut8F32Scalar;
extern const ElementwiseKernel kElementwiseAvx512, kElementwiseAvx2, kElementwiseNeon, kElementwiseScalar;

}  // namespace lowbit
