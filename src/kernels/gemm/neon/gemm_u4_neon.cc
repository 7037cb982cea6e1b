// SPDX-License-Identifier: Apache-2.0
// u4 weights on plain Advanced SIMD. Weights shifted up would be -128 at times, which smull and smlal do not
// take: zero points are subtracted always.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/neon/neon_engine_smull.inl"

#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {
using Centered = U4Affine;
using Affine = U4Affine;
}  // namespace
}  // namespace lowbit::kernels::neon

#include "kernels/gemm/neon/neon_loops.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmU4Neon = neon::neon_kernel("u4/neon", WeightFormat::u4, Isa::neon);

}  // namespace lowbit::kernels
