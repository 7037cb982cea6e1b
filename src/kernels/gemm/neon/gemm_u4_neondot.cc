// u4 weights on SDOT.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/gemm/neon/neon_engine_dot.inl"
//
#include "kernels/gemm/neon/neon_decode.inl"

namespace {
using Centered = U4Signed;
using Affine = U4Affine;
}  // namespace

#include "kernels/gemm/neon/neon_loops.inl"

constinit const GemmKernel kGemmU4NeonDot =
    neon_kernel("u4/neondot", WeightFormat::u4, Isa::neon | Isa::neondot);

}  // namespace lowbit
