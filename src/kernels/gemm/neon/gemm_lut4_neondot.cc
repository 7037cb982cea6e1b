// lut4 weights on SDOT, by TBL; matrices with one table, since a vector holds codes of four columns.
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
using Centered = Lut4;
using Affine = Lut4;
}  // namespace

#include "kernels/gemm/neon/neon_loops.inl"

constinit const GemmKernel kGemmLut4NeonDot =
    neon_kernel("lut4/neondot", WeightFormat::lut4, Isa::neon | Isa::neondot);

}  // namespace lowbit
