// s2 weights on AVX2: codes minus zero points are multiplied as bytes, and 32 codes of K add up in 16-bit
// lanes, which they cannot leave.
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
#include "kernels/words_avx2.inl"
//
#include "kernels/dot_format_s2.inl"
//
#include "kernels/dot_panel.inl"
//
#include "kernels/dot_chunk.inl"
//
#include "kernels/batch_tile.inl"
//
#include "kernels/batch_decode.inl"
//
#include "kernels/batch_strip.inl"
//
#include "kernels/few_rows.inl"

namespace {

void pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
          std::uint32_t run_count, std::byte* panel, PackReport& report) {
  dot_pack(spec, n0, n, runs, run_count, panel, report);
  report.pairs += std::uint64_t{n} * ((spec.k + 1) / 2);
  ++report.panels;
  ++report.proven_panels;
}

void run(const TileArgs& args) {
  // 32 quads: 3 * 128 * 2 * 32 is below 2^15.
  if (try_few_rows<FewCodes<8>>(args)) return;
  for (unsigned i = 0; i < args.m; i += kStripRows)
    run_batched<Format, Codes8>(args, i, args.m - i < kStripRows ? args.m - i : kStripRows, 0, args.n);
}

}  // namespace

const GemmKernel kGemmS2Avx2 = {.name = "s2/avx2",
                                .format = WeightFormat::s2,
                                .act = ActType::u8,
                                .required = Isa::avx2,
                                .reference = false,
                                .nr = kColumns,
                                .n_step = kLanes,
                                .kr = kStepCodes,
                                .m_step = 4,
                                .supports = Format::supports,
                                .panel_bytes = dot_panel_bytes,
                                .pack = pack,
                                .run = run};

}  // namespace lowbit
