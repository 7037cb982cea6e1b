// What the kernels of formats below 8 bits share on AVX2: their weights are bytes that no pair of products
// saturates with.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_maddubs/maddubs_few_rows.inl"
#include "kernels/gemm/x86_maddubs/maddubs_strip.inl"

namespace lowbit::x86_maddubs {
namespace {

void maddubs_pack(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                  std::uint32_t run_count, std::byte* panel, PackReport& report) {
  dot_pack(spec, n0, n, runs, run_count, panel, report);
  report.pairs += std::uint64_t{n} * ((spec.k + 1) / 2);
  ++report.panels;
  ++report.proven_panels;
}

/// All rows, a strip at a time.
template <class M>
void run_strips(const TileArgs& args) {
  for (unsigned i = 0; i < args.m; i += kStripRows)
    run_maddubs<Format, M>(args, i, args.m - i < kStripRows ? args.m - i : kStripRows, 0, args.n);
}

constexpr GemmKernel maddubs_kernel(const char* name, WeightFormat format, void (*run)(const TileArgs&)) {
  return {.name = name,
          .format = format,
          .act = ActType::u8,
          .required = Isa::avx2,
          .reference = false,
          .nr = kColumns,
          .n_step = kLanes,
          .kr = kStepCodes,
          .m_step = 4,
          .supports = Format::supports,
          .panel_bytes = dot_panel_bytes,
          .pack = maddubs_pack,
          .run = run,
          .few_rows = kFewRows,
          .prepared_bytes = prepared_rows_bytes,
          .prepare = prepare_rows};
}

}  // namespace
}  // namespace lowbit::x86_maddubs
