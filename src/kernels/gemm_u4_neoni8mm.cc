// u4 weights on USMMLA.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/neon_engine_i8mm.inl"
//
#include "kernels/neon_decode.inl"

namespace {
using Centered = U4Signed;
using Affine = U4Affine;
}  // namespace

#include "kernels/gemm_neon.inl"

constinit const GemmKernel kGemmU4NeonI8mm =
    neon_kernel("u4/neoni8mm", WeightFormat::u4, Isa::neon | Isa::neondot | Isa::neoni8mm);

}  // namespace lowbit
