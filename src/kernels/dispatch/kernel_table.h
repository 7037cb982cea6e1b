// The table entries that kernel files define, one a file. Plain data: kernel files include it.
#pragma once

#include "lowbit/kernels/depthwise_kernel.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

extern const GemmKernel kGemmS8Avx512Vnni, kGemmU4Avx512Vnni, kGemmLut4Avx512Vnni, kGemmS2Avx512Vnni;
extern const GemmKernel kGemmS8AvxVnni, kGemmU4AvxVnni, kGemmS2AvxVnni;
extern const GemmKernel kGemmS8AvxVnniTwin, kGemmU4AvxVnniTwin, kGemmS2AvxVnniTwin;
extern const GemmKernel kGemmS8Avx2, kGemmU4Avx2, kGemmLut4Avx2, kGemmS2Avx2;
extern const GemmKernel kGemmB1B1Avx512Popcnt, kGemmB1B1Avx512, kGemmB1B1Avx2, kGemmB1B1Neon;
extern const GemmKernel kGemmS8NeonI8mm, kGemmU4NeonI8mm, kGemmS2NeonI8mm;
extern const GemmKernel kGemmS8NeonDot, kGemmU4NeonDot, kGemmLut4NeonDot, kGemmS2NeonDot;
extern const GemmKernel kGemmS8Neon, kGemmU4Neon, kGemmLut4Neon, kGemmS2Neon;
extern const GemmKernel kGemmS8Scalar;
extern const GemmKernel kGemmU4Scalar, kGemmLut4Scalar, kGemmS2Scalar, kGemmB1Scalar, kGemmB1B1Scalar;
extern const GemmKernel kGemmU4F32Scalar, kGemmLut4F32Scalar, kGemmLut8F32Scalar;
extern const GemmKernel kGemmS8F32Scalar, kGemmS2F32Scalar, kGemmB1F32Scalar;
extern const GemmKernel kGemmS8F32Avx512, kGemmU4F32Avx512, kGemmS2F32Avx512, kGemmLut4F32Avx512,
    kGemmLut8F32Avx512, kGemmB1F32Avx512;
extern const GemmKernel kGemmS8F32Avx2, kGemmU4F32Avx2, kGemmS2F32Avx2, kGemmLut4F32Avx2, kGemmLut8F32Avx2,
    kGemmB1F32Avx2;
extern const GemmKernel kGemmS8F32Neon, kGemmU4F32Neon, kGemmS2F32Neon, kGemmLut4F32Neon, kGemmLut8F32Neon,
    kGemmB1F32Neon;
extern const ElementwiseKernel kElementwiseAvx512, kElementwiseAvx2, kElementwiseNeon, kElementwiseScalar;
extern const DepthwiseKernel kDepthwiseAvx512Vnni, kDepthwiseAvx2, kDepthwiseNeonDot, kDepthwiseNeon,
    kDepthwiseScalar;

}  // namespace lowbit
