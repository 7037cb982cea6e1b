// SPDX-License-Identifier: Apache-2.0
// u4 weights on USMMLA.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/neon/neon_engine_i8mm.inl"

#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {
using Centered = U4Signed;
using Affine = U4Affine;
}  // namespace
}  // namespace lowbit::kernels::neon

#include "kernels/gemm/neon/neon_loops.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmU4Neoni8mm =
    neon::neon_kernel("u4/neoni8mm", WeightFormat::u4, Isa::neon | Isa::neondot | Isa::neoni8mm);

}  // namespace lowbit::kernels
