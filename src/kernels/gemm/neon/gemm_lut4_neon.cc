// lut4 weights on plain Advanced SIMD: the 16 levels of a column are a register that TBL indexes.
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
using Centered = Lut4;
using Affine = Lut4;
}  // namespace

#include "kernels/gemm/neon/neon_loops.inl"

constinit const GemmKernel kGemmLut4Neon = neon_kernel("lut4/neon", WeightFormat::lut4, Isa::neon);

}  // namespace lowbit
