// SPDX-License-Identifier: Apache-2.0
// s2 weights on plain Advanced SIMD; zero points are subtracted always, as in gemm_u4_neon.cc.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/neon/neon_engine_smull.inl"

#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {
using Centered = S2Affine;
using Affine = S2Affine;
}  // namespace
}  // namespace lowbit::kernels::neon

#include "kernels/gemm/neon/neon_loops.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS2Neon = neon::neon_kernel("s2/neon", WeightFormat::s2, Isa::neon);

}  // namespace lowbit::kernels
