// SPDX-License-Identifier: Apache-2.0
// s2 weights on SDOT.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/neon/neon_engine_dot.inl"

#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {
using Centered = S2Signed;
using Affine = S2Affine;
}  // namespace
}  // namespace lowbit::kernels::neon

#include "kernels/gemm/neon/neon_loops.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS2Neondot =
    neon::neon_kernel("s2/neondot", WeightFormat::s2, Isa::neon | Isa::neondot);

}  // namespace lowbit::kernels
