// u4 weights on SDOT.
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
using Centered = U4Signed;
using Affine = U4Affine;
}  // namespace

#include "kernels/gemm_neon.inl"

constinit const GemmKernel kGemmU4NeonDot =
    neon_kernel("u4/neondot", WeightFormat::u4, Isa::neon | Isa::neondot);

}  // namespace lowbit
