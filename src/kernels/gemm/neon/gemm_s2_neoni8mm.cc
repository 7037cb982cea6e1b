// s2 weights on USMMLA.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/gemm/neon/neon_engine_i8mm.inl"
//
#include "kernels/gemm/neon/neon_decode.inl"

namespace {
using Centered = S2Signed;
using Affine = S2Affine;
}  // namespace

#include "kernels/gemm/neon/neon_loops.inl"

constinit const GemmKernel kGemmS2NeonI8mm =
    neon_kernel("s2/neoni8mm", WeightFormat::s2, Isa::neon | Isa::neondot | Isa::neoni8mm);

}  // namespace lowbit
