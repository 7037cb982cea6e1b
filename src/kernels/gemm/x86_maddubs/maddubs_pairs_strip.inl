// The loops of the s8 kernel on AVX2 for one scale group: 32-bit sums in registers over a chunk of K, the
// excess list's product added beforehand.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_dot/dot_tile.inl"
#include "kernels/gemm/x86_maddubs/maddubs_pairs_panel.inl"
#include "kernels/gemm/x86_maddubs/maddubs_strip.inl"

namespace lowbit::x86_maddubs {
namespace {

// Quads of codes in a chunk: 16 KiB of weights.
constexpr unsigned kPairQuads = 256;

/// A chunk of kRows rows from row i of the strip on; `sums` holds kVecs vectors for each row.
template <unsigned kRows, unsigned kVecs>
__attribute__((noinline)) void run_pairs(const TileArgs& args, const Chunk& chunk, unsigned row, bool clear,
                                         std::int32_t* sums) {
  x86_dot::Tile<kRows, kVecs> tile;
  if (clear) {
    tile.clear();
  } else {
    tile.load(sums);
  }
  x86_dot::WeightStream stream = {chunk.codes, chunk.end, row == 0 ? 64u : 0u};
  for (unsigned p = 0; p < chunk.count; ++p) {
    const Piece& piece = chunk.pieces[p];
    tile.piece(args.a + piece.run->offset + piece.first,
               args.a_offset + piece.run->tap * args.a_offset_stride + row, (piece.codes + 3) / 4, stream);
  }
  tile.store(sums);
}

/// Rows [first_row, first_row + rows) times a clamped part, args.panel. `excess`: the sums of the part's
/// columns from `column` on, or null.
template <unsigned kVecs>
void run_clamped(const TileArgs& args, unsigned first_row, unsigned rows, unsigned column, unsigned columns,
                 const ExcessSums* excess) {
  constexpr unsigned kWidth = kVecs * kLanes;
  alignas(64) std::int32_t sums[kStripRows * kWidth];
  if (excess != nullptr)
    for (unsigned i = 0; i < rows; i += 8)
      for (unsigned c = 0; c < kWidth; c += 8)
        copy_transposed(*excess, column + c, i, sums + i * kWidth + c, kWidth);
  ChunkCutter cutter(args, kPairQuads, 1);
  for (Chunk chunk; !cutter.done();) {
    cutter.next(chunk);
    const bool clear = excess == nullptr && !chunk.continues;
    cut_rows<5>(rows, [&](unsigned r, unsigned i) {
      std::int32_t* to = sums + i * kWidth;
      switch (r) {
        case 1:
          return run_pairs<1, kVecs>(args, chunk, first_row + i, clear, to);
        case 2:
          return run_pairs<2, kVecs>(args, chunk, first_row + i, clear, to);
        case 3:
          return run_pairs<3, kVecs>(args, chunk, first_row + i, clear, to);
        case 4:
          return run_pairs<4, kVecs>(args, chunk, first_row + i, clear, to);
        default:
          return run_pairs<5, kVecs>(args, chunk, first_row + i, clear, to);
      }
    });
  }
  epilogue(args, sums, kWidth, first_row, rows, column, columns);
}

/// One strip times one part.
inline void run_part(const TileArgs& args, bool wide, unsigned first_row, unsigned rows, unsigned column,
                     unsigned columns, const ExcessSums* excess) {
  const PanelHeader& h = header_of(args.panel);
  if (wide) return run_maddubs<Format, Split>(args, first_row, rows, column, columns);
  if (h.groups > 1) return run_maddubs<Format, Pairs>(args, first_row, rows, column, columns);
  if (h.width > kLanes) return run_clamped<2>(args, first_row, rows, column, columns, excess);
  run_clamped<1>(args, first_row, rows, column, columns, excess);
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
      run_part(part, h.wide[p] != 0, i, rows, p * kColumns, part_columns(args.n, p),
               h.list != 0 ? &excess : nullptr);
    }
  }
}

}  // namespace
}  // namespace lowbit::x86_maddubs
