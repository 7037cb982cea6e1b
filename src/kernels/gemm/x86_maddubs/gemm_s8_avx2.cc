// s8 weights on AVX2, exact although vpmaddubsw saturates: pairs of weights that could make it are clamped
// when packed, and what was cut off is multiplied apart from a short list. Panels where too many pairs are
// like that multiply their weights in two parts of four bits.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/dispatch/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/simd/words_avx2.inl"
//
#include "kernels/gemm/common/x86_format_s8.inl"
//
#include "kernels/gemm/x86_maddubs/maddubs_strip.inl"
//
#include "kernels/gemm/x86_dot/dot_tile.inl"
//
#include "kernels/gemm/x86_maddubs/maddubs_pairs_strip.inl"

constinit const GemmKernel kGemmS8Avx2 = {.name = "s8/avx2",
                                          .format = WeightFormat::s8,
                                          .act = ActType::u8,
                                          .required = Isa::avx2,
                                          .reference = false,
                                          .nr = kExcessColumns,
                                          .n_step = kLanes,
                                          .kr = kStepCodes,
                                          .m_step = 4,
                                          .supports = Format::supports,
                                          .panel_bytes = pairs_panel_bytes,
                                          .pack = pairs_pack,
                                          .run = run_pairs_panel,
                                          .few_rows = kFewExcessRows,
                                          .prepared_bytes = prepared_codes_bytes,
                                          .prepare = prepare_codes};

}  // namespace lowbit
