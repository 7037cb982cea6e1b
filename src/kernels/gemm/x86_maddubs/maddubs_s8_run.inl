// SPDX-License-Identifier: Apache-2.0
// The loops of the s8 kernel on AVX2 for one scale group: 32-bit sums in registers over a chunk of K, the
// excess list's product added beforehand.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_dot/dot_tile.inl"
#include "kernels/gemm/x86_maddubs/maddubs_engine.inl"
#include "kernels/gemm/x86_maddubs/maddubs_s8_panel.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

/// Clamped weights of one scale group: pairs of products do not saturate, so that dot products are exact.
/// Sums start at what the clamping took away, from `column` of the excess on.
struct ClampedEngine {
  static constexpr unsigned kStripRows = x86_maddubs::kStripRows, kParts = 1, kEvenQuads = 0;
  static constexpr unsigned kQuads = 256;  // 16 KiB of weights
  static constexpr bool kGroups = false, kDecodes = false, kFinishesTiles = false;

  template <bool kGrouped, unsigned kRows, unsigned kVecs>
  using Tile = x86_dot::DotTile<kRows, kVecs>;
  template <unsigned>
  using Rows = Heights<5, 4, 3, 2, 1>;

  const ExcessSums* excess;  // or null
  unsigned column;

  template <unsigned kStride>
  bool preset(std::int32_t* sums, unsigned rows) const {
    if (excess == nullptr) return false;
    for (unsigned i = 0; i < rows; i += 8)
      for (unsigned c = 0; c < kStride; c += 8)
        copy_transposed(*excess, column + c, i, sums + i * kStride + c, kStride);
    return true;
  }
};

/// One strip times one part.
inline void run_part(const TileArgs& args, bool wide, const StripPlace& place, const ExcessSums* excess) {
  if (wide) return run_strip(Engine<Split>(), args, place);
  if (header_of(args.panel).groups > 1) return run_strip(Engine<Pairs>(), args, place);
  run_strip(ClampedEngine{excess, place.column}, args, place);
}

/// The excess of rows that were prepared, at most kFewExcessRows, from their codes.
inline void few_excess_sums(const TileArgs& args, const PairsHeader& h, ExcessSums& out) {
  const std::size_t row_bytes = codes_row_bytes(args.runs, args.run_count);
  const ExcessColumns list(args.panel + h.columns);
  clear_sums(8, out);
  for (std::uint32_t i = 0; i < args.m; ++i)
    excess_of_row(args.prepared + i * row_bytes, list, i == 0 ? args.panel + h.part[0] : nullptr,
                  out.sums[0] + i, kExcessRows);
}

void run_pairs_panel(const TileArgs& args) {
  const auto& h = *reinterpret_cast<const PairsHeader*>(args.panel);
  TileArgs part = args;
  ExcessSums excess;
  for (unsigned i = 0; i < args.m; i += kStripRows) {
    const unsigned rows = args.m - i < kStripRows ? args.m - i : kStripRows;
    part.panel = args.panel + h.part[0];
    if (h.list != 0 && args.prepared != nullptr) {
      few_excess_sums(args, h, excess);
    } else if (h.list != 0) {
      excess_sums(part, reinterpret_cast<const std::uint32_t*>(args.panel + h.list), i, rows, excess);
    }
    for (unsigned p = 0; p < h.parts; ++p) {
      part.panel = args.panel + h.part[p];
      run_part(part, h.wide[p] != 0, {i, rows, p * kColumns, part_columns(args.n, p)},
               h.list != 0 ? &excess : nullptr);
    }
  }
}

constexpr GemmKernel pairs_kernel(const char* name) {
  GemmKernel kernel = x86_kernel(name, WeightFormat::s8, Isa::avx2, 4, run_pairs_panel);
  kernel.nr = kExcessColumns;
  kernel.panel_bytes = pairs_panel_bytes;
  kernel.pack = pairs_pack;
  kernel.few_rows = kFewExcessRows;
  kernel.prepared_bytes = prepared_codes_bytes;
  kernel.prepare = prepare_codes;
  return kernel;
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
