// The twin of s2/avxvnni in the EVEX encoding: the same source for processors with AVX512-VNNI, where it
// stands in for the original in tests. Never selected, since those processors have wider kernels.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_avx2.inl"
//
#include "kernels/dot_ymm.inl"
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"
//
#include "kernels/dot_format_s2.inl"
//
#include "kernels/dot_panel.inl"
//
#include "kernels/dot_chunk.inl"
//
#include "kernels/dot_tile.inl"
//
#include "kernels/dot_strip.inl"
//
#include "kernels/dot_run_ymm.inl"
//
#include "kernels/dot_few_rows.inl"

const GemmKernel kGemmS2AvxVnniTwin = {.name = "s2/avxvnnitwin",
                                       .format = WeightFormat::s2,
                                       .act = ActType::u8,
                                       .required = Isa::avx2 | Isa::avx512 | Isa::avx512vnni,
                                       .reference = false,
                                       .nr = kColumns,
                                       .n_step = kLanes,
                                       .kr = kStepCodes,
                                       .m_step = 12,
                                       .supports = Format::supports,
                                       .panel_bytes = dot_panel_bytes,
                                       .pack = dot_pack,
                                       .run = run_few_or_any_rows,
                                       .few_rows = kFewRows,
                                       .prepared_bytes = dot_prepared_bytes,
                                       .prepare = dot_prepare};

}  // namespace lowbit
