// lut4 weights on plain Advanced SIMD: the 16 levels of a column are a register that TBL indexes.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/neon_engine.inl"
//
#include "kernels/neon_decode.inl"

namespace {
using Centered = Lut4;
using Affine = Lut4;
}  // namespace

#include "kernels/gemm_neon.inl"

constinit const GemmKernel kGemmLut4Neon = neon_kernel("lut4/neon", WeightFormat::lut4, Isa::neon);

}  // namespace lowbit
