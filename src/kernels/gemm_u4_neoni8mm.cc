// u4 weights on USMMLA.
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
#include "kernels/neon_engine_i8mm.inl"
//
#include "kernels/neon_decode.inl"

namespace {
using Centered = U4Signed;
using Affine = U4Affine;
}  // namespace

#include "kernels/neon_panel.inl"
//
#include "kernels/neon_weights.inl"
//
#include "kernels/gemm_neon.inl"

const GemmKernel kGemmU4NeonI8mm = {.name = "u4/neoni8mm",
                                    .format = WeightFormat::u4,
                                    .act = ActType::u8,
                                    .required = Isa::neon | Isa::neondot | Isa::neoni8mm,
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
