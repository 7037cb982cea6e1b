// u4 weights on plain Advanced SIMD. Weights shifted up would be -128 at times, which smull and smlal do not
// take: zero points are subtracted always.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/gemm/neon/neon_engine_smull.inl"
//
#include "kernels/gemm/neon/neon_decode.inl"

namespace {
using Centered = U4Affine;
using Affine = U4Affine;
}  // namespace

#include "kernels/gemm/neon/neon_loops.inl"

constinit const GemmKernel kGemmU4Neon = neon_kernel("u4/neon", WeightFormat::u4, Isa::neon);

}  // namespace lowbit
