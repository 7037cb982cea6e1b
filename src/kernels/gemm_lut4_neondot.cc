// lut4 weights on SDOT, by TBL; matrices with one table, since a vector holds codes of four columns.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_neon.inl"
//
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"
//
#include "kernels/neon_rows.inl"
//
#include "kernels/neon_engine_dot.inl"
//
#include "kernels/neon_decode.inl"

namespace {
using Centered = Lut4;
using Affine = Lut4;
}  // namespace

#include "kernels/neon_panel.inl"
//
#include "kernels/neon_weights.inl"
//
#include "kernels/gemm_neon.inl"

const GemmKernel kGemmLut4NeonDot = {.name = "lut4/neondot",
                                     .format = WeightFormat::lut4,
                                     .act = ActType::u8,
                                     .required = Isa::neon | Isa::neondot,
                                     .reference = false,
                                     .nr = 64,
                                     .n_step = Engine::kCols,
                                     .kr = Granule<Affine>::kCodes,
                                     .m_step = Engine::kMaxRows,
                                     .supports = neon_supports,
                                     .panel_bytes = neon_panel_bytes,
                                     .pack = neon_pack,
                                     .run = neon_run};

}  // namespace lowbit
