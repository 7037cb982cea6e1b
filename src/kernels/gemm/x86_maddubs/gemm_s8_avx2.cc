// s8 weights on AVX2, exact although vpmaddubsw saturates: pairs of weights that could make it are clamped
// when packed, and what was cut off is multiplied apart from a short list. Panels where too many pairs are
// like that multiply their weights in two parts of four bits.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

#include "kernels/simd/vec_avx2.inl"

#include "kernels/gemm/common/x86_format_s8.inl"

#include "kernels/gemm/x86_maddubs/maddubs_pairs_strip.inl"

namespace lowbit {

extern constinit const GemmKernel kGemmS8Avx2 = {.name = "s8/avx2",
                                                 .format = WeightFormat::s8,
                                                 .act = ActType::u8,
                                                 .required = Isa::avx2,
                                                 .reference = false,
                                                 .nr = x86_maddubs::kExcessColumns,
                                                 .n_step = kLanes,
                                                 .kr = kStepCodes,
                                                 .m_step = 4,
                                                 .supports = Format::supports,
                                                 .panel_bytes = x86_maddubs::pairs_panel_bytes,
                                                 .pack = x86_maddubs::pairs_pack,
                                                 .run = x86_maddubs::run_pairs_panel,
                                                 .few_rows = x86_maddubs::kFewExcessRows,
                                                 .prepared_bytes = x86_maddubs::prepared_codes_bytes,
                                                 .prepare = x86_maddubs::prepare_codes};

}  // namespace lowbit
