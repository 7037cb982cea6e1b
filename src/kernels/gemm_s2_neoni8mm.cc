// s2 weights on USMMLA.
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
using Centered = S2Signed;
using Affine = S2Affine;
}  // namespace

#include "kernels/gemm_neon.inl"

constinit const GemmKernel kGemmS2NeonI8mm =
    neon_kernel("s2/neoni8mm", WeightFormat::s2, Isa::neon | Isa::neondot | Isa::neoni8mm);

}  // namespace lowbit
