// SPDX-License-Identifier: Apache-2.0
// lut4 weights on plain Advanced SIMD: the 16 levels of a column are a register that TBL indexes.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/neon/neon_engine_smull.inl"

#include "kernels/gemm/neon/neon_decode.inl"

namespace lowbit::kernels::neon {
namespace {
using Centered = Lut4;
using Affine = Lut4;
}  // namespace
}  // namespace lowbit::kernels::neon

#include "kernels/gemm/neon/neon_loops.inl"

namespace lowbit::kernels {

extern constinit const GemmKernel kGemmLut4Neon =
    neon::neon_kernel("lut4/neon", WeightFormat::lut4, Isa::neon);

}  // namespace lowbit::kernels
