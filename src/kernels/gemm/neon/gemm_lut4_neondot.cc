// SPDX-License-Identifier: Apache-2.0
// lut4 weights on SDOT, by TBL; matrices with one table, since a vector holds codes of four columns.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/neon/neon_engine_dot.inl"

#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {
using Centered = Lut4;
using Affine = Lut4;
}  // namespace
}  // namespace lowbit::kernels::neon

#include "kernels/gemm/neon/neon_loops.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmLut4Neondot =
    neon::neon_kernel("lut4/neondot", WeightFormat::lut4, Isa::neon | Isa::neondot);

}  // namespace lowbit::kernels
