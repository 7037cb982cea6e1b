// u4 weights with f32 activations on AVX-512.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_avx512.inl"
//
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"

namespace {
constexpr std::uint32_t kCodeBits = 4;
constexpr WeightFormat kFormat = WeightFormat::u4;
}  // namespace

#include "kernels/f32_panel.inl"
//
#include "kernels/f32_decode_avx512.inl"
//
#include "kernels/f32_tile.inl"

const GemmKernel kGemmU4F32Avx512 = {.name = "u4f32/avx512",
                                     .format = kFormat,
                                     .act = ActType::f32,
                                     .required = Isa::avx2 | Isa::avx512,
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
