// lut4 weights on AVX512-VNNI, in 512-bit tiles.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit {

#include "kernels/vec_avx512.inl"
//
#include "kernels/dot_zmm.inl"
#include "kernels/epilogue.inl"
#include "kernels/weight_codes.inl"
//
#include "kernels/dot_format_lut4.inl"
//
#include "kernels/dot_panel.inl"
//
#include "kernels/dot_chunk.inl"
//
#include "kernels/dot_tile.inl"
//
#include "kernels/dot_strip.inl"
//
#include "kernels/dot_run_zmm.inl"
//
#include "kernels/dot_few_rows.inl"

const GemmKernel kGemmLut4Avx512Vnni = {.name = "lut4/avx512vnni",
                                        .format = WeightFormat::lut4,
                                        .act = ActType::u8,
                                        .required = Isa::avx2 | Isa::avx512 | Isa::avx512vnni,
                                        .reference = false,
                                        .nr = kColumns,
                                        .n_step = kLanes,
                                        .kr = kStepCodes,
                                        .m_step = 24,
                                        .supports = Format::supports,
                                        .panel_bytes = dot_panel_bytes,
                                        .pack = dot_pack,
                                        .run = run_few_or_any_rows,
                                        .few_rows = kFewRows,
                                        .prepared_bytes = dot_prepared_bytes,
                                        .prepare = dot_prepare};

}  // namespace lowbit
