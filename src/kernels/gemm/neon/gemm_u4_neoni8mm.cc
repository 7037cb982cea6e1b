// u4 weights on USMMLA.
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
using Centered = U4Signed;
using Affine = U4Affine;
}  // namespace

#include "kernels/gemm/neon/neon_loops.inl"

constinit const GemmKernel kGemmU4NeonI8mm =
    neon_kernel("u4/neoni8mm", WeightFormat::u4, Isa::neon | Isa::neondot | Isa::neoni8mm);

}  // namespace lowbit
