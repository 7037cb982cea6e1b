// SPDX-License-Identifier: Apache-2.0
// s8 weights on USMMLA.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/neon/neon_engine_i8mm.inl"

#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {
using Centered = S8;
using Affine = S8;
}  // namespace
}  // namespace lowbit::kernels::neon

#include "kernels/gemm/neon/neon_loops.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmS8Neoni8mm =
    neon::neon_kernel("s8/neoni8mm", WeightFormat::s8, Isa::neon | Isa::neondot | Isa::neoni8mm);

}  // namespace lowbit::kernels
