// SPDX-License-Identifier: Apache-2.0
// s2 weights on USMMLA.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/neon/neon_engine_i8mm.inl"

#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {
using Centered = S2Signed;
using Affine = S2Affine;
}  // namespace
}  // namespace lowbit::kernels::neon

#include "kernels/gemm/neon/neon_loops.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS2Neoni8mm =
    neon::neon_kernel("s2/neoni8mm", WeightFormat::s2, Isa::neon | Isa::neondot | Isa::neoni8mm);

}  // namespace lowbit::kernels
