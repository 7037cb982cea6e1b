// s2 weights on SDOT.
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
using Centered = S2Signed;
using Affine = S2Affine;
}  // namespace

#include "kernels/neon_panel.inl"
//
#include "kernels/neon_weights.inl"
//
#include "kernels/gemm_neon.inl"

const GemmKernel kGemmS2NeonDot = {.name = "s2/neondot",
                                   .format = WeightFormat::s2,
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
