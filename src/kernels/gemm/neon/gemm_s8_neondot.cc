// s8 weights on SDOT.
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
using Centered = S8;
using Affine = S8;
}  // namespace

#include "kernels/gemm/neon/neon_loops.inl"

constinit const GemmKernel kGemmS8NeonDot =
    neon_kernel("s8/neondot", WeightFormat::s8, Isa::neon | Isa::neondot);

}  // namespace lowbit
