// s2 weights on SDOT.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/neon_engine_dot.inl"
//
#include "kernels/neon_decode.inl"

namespace {
using Centered = S2Signed;
using Affine = S2Affine;
}  // namespace

#include "kernels/gemm_neon.inl"

constinit const GemmKernel kGemmS2NeonDot =
    neon_kernel("s2/neondot", WeightFormat::s2, Isa::neon | Isa::neondot);

}  // namespace lowbit
