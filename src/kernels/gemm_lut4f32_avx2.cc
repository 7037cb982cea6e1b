// lut4 weights with f32 activations on AVX2.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_avx2.inl"
//
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"

namespace {
constexpr std::uint32_t kCodeBits = 4;
constexpr WeightFormat kFormat = WeightFormat::lut4;
}  // namespace

#include "kernels/f32_panel.inl"
//
#include "kernels/f32_decode_avx2.inl"
//
#include "kernels/f32_tile.inl"

const GemmKernel kGemmLut4F32Avx2 = {.name = "lut4f32/avx2",
                                     .format = kFormat,
                                     .act = ActType::f32,
                                     .required = Isa::avx2,
                                     .reference = false,
                                     .nr = 4 * kLanes,
                                     .n_step = kLanes,
                                     .kr = kStepCodes,
                                     .m_step = 8,
                                     .supports = f32_supports,
                                     .panel_bytes = f32_panel_bytes,
                                     .pack = f32_pack,
                                     .run = f32_run};

}  // namespace lowbit
