// s2 weights on plain Advanced SIMD; zero points are subtracted always, as in gemm_u4_neon.cc.
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
using Centered = S2Affine;
using Affine = S2Affine;
}  // namespace

#include "kernels/gemm/neon/neon_loops.inl"

constinit const GemmKernel kGemmS2Neon = neon_kernel("s2/neon", WeightFormat::s2, Isa::neon);

}  // namespace lowbit
