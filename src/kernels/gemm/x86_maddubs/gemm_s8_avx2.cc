// SPDX-License-Identifier: Apache-2.0
// s8 weights on AVX2, exact although vpmaddubsw saturates: pairs of weights that could make it are clamped
// when packed, and what was cut off is multiplied apart from a short list. Panels where too many pairs are
// like that multiply their weights in two parts of four bits.
#include "kernels/simd/vec_avx2.inl"
#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/gemm/common/x86_format_s8.inl"
#include "kernels/gemm/x86_maddubs/maddubs_s8_run.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS8Avx2 = x86_maddubs::pairs_kernel("s8/avx2");

}  // namespace lowbit::kernels
