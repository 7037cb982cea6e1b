// SPDX-License-Identifier: Apache-2.0
// The loops of the x86 engines with integer activations, around what each of them multiplies with. Read this
// file first.
//
// A panel (x86_panel.inl) holds columns across the lanes of vectors, four codes of K to a lane. It is
// multiplied by one strip of rows after the other, and K goes by in chunks (x86_chunk.inl): the weights of a
// chunk stay in the L1 cache while the rows of the strip pass. Weights of less than a byte are decoded into
// an L1 buffer once for the strip (x86_decode_chunk.inl), so that every format multiplies at the speed of s8;
// only groups of scales cost more. Within a chunk go tiles of rows x vectors of columns; between chunks their
// sums lie on the stack. At the end of a scale group the exact integers go into float sums. Products of few
// rows, which wait for weights and not for multiplications, go another way: x86_few_rows.inl.
//
// What differs is an engine E (dot_engine.inl, maddubs_engine.inl). Beside what x86_decode_chunk.inl asks for
// it has
//   kStripRows, kQuads   rows of a strip, quads of codes in a chunk
//   kGroups              whether it runs panels of several scale groups
//   kFinishesTiles       whether tiles go through the epilogue as they end; else the strip does
//   kEvenQuads           quads of groups for which tiles have run_even_groups; 0: none
//   Rows<kVecs>          heights of tiles
//   preset<kStride>      puts sums where those of rows will add up; returns whether it did
//   Tile<kGrouped, kRows, kVecs>   made at the begin of a chunk; start_group, piece, flush where a group
//                                  ends, put_aside; kStride, how far its rows are apart in memory
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/x86_decode_chunk.inl"
#include "kernels/gemm/common/x86_finish_tile.inl"

namespace lowbit::kernels {
namespace {

// Quads of codes in a chunk of decoded weights: 16 KiB in the widest panel.
constexpr unsigned kChunkQuads = 64;

/// A piece as tiles see it: row i of the strip starts at a + offset[i].
struct Segment {
  const std::uint8_t* a;
  const std::ptrdiff_t* offset;
  std::uint32_t quads;
  bool flush;
};

/// One strip, and the chunk of it that is being multiplied. Sums of row i start at i * Tile::kStride (int32:
/// of the open group; float: of the groups before).
struct Strip {
  const TileArgs& args;
  unsigned first_row;
  const std::int32_t* row_zero;  // of the strip's rows; null if they are all alike
  std::int32_t* open;
  float* closed;
  FinishTerms finish;
  bool last;                 // of the chunks
  std::uint32_t even_quads;  // of every segment, if all are whole groups that follow each other; else 0
  Chunk chunk;
  Segment segments[Chunk::kMaxPieces];
  GroupTerms terms;

  // Most of it is written chunk by chunk.
  Strip(const TileArgs& tile, unsigned first, const std::int32_t* zeros, std::int32_t* open_sums,
        float* closed_sums, const FinishTerms& finish_terms)
      : args(tile),
        first_row(first),
        row_zero(zeros),
        open(open_sums),
        closed(closed_sums),
        finish(finish_terms) {}

  /// Of one group: where the sums of n columns start.
  void start_at(const std::int32_t* constant, unsigned n) {
    __builtin_memset(terms.start[0], 0, sizeof terms.start[0]);
    if (constant) __builtin_memcpy(terms.start[0], constant, n * sizeof *constant);
  }

  void find_segments(bool grouped, bool even) {
    for (unsigned p = 0; p < chunk.count; ++p) {
      const Piece& piece = chunk.pieces[p];
      segments[p] = {args.a + piece.run->offset + piece.first,
                     args.a_offset + piece.run->tap * args.a_offset_stride + first_row, piece.quads(),
                     grouped && piece.flush};
    }
    even_quads = even && grouped && !chunk.continues && is_even() ? segments[0].quads : 0;
  }

 private:
  bool is_even() const {
    for (unsigned p = 0; p < chunk.count; ++p) {
      const Segment &first = segments[0], &s = segments[p];
      if (!s.flush || s.quads != first.quads || s.offset != first.offset ||
          s.a != first.a + std::size_t{4} * first.quads * p)
        return false;
    }
    return true;
  }
};

/// The weights of a tile, and where it brings weights of later chunks into the L2 cache, a line a step.
struct WeightStream {
  const std::byte* next;
  const std::byte* ahead;
  std::size_t ahead_step;  // 64, or 0 when all of the next chunk is under way
};

/// Each tile of a chunk fetches its share of the next one.
inline WeightStream stream_of(const Chunk& chunk, const std::byte* weights, unsigned tile) {
  const std::size_t bytes = static_cast<std::size_t>(chunk.end - chunk.codes),
                    at = tile * std::size_t{64} * kChunkQuads;
  return {weights, chunk.end + (at < bytes ? at : 0), at < bytes ? 64u : 0u};
}

/// What becomes of the sums of a tile behind the last chunk. Each tile is stored at once: the stores of a
/// whole strip together would wait for memory, with nothing to do.
template <bool kGrouped, unsigned kRows, unsigned kVecs, class T>
inline LOWBIT_ALWAYS_INLINE void finish_tile(const Strip& strip, const T& tile, unsigned i,
                                             std::int32_t* open, const float* closed) {
  const TileArgs& args = strip.args;
  const unsigned row = strip.first_row + i;
  if (strip.finish.direct) {
    finish_rows<kRows, kVecs>(strip.finish, static_cast<std::byte*>(args.c) + row * args.c_row_bytes,
                              args.c_row_bytes, [&](unsigned r, unsigned v) LOWBIT_ALWAYS_INLINE {
                                if constexpr (kGrouped) {
                                  return load_f(closed + r * T::kStride + v * kLanes);
                                } else {
                                  return to_float(tile.sum(r, v));
                                }
                              });
  } else if constexpr (kGrouped) {
    epilogue(args, closed, T::kStride, row, kRows, 0, args.n);
  } else {
    tile.put_aside(open);
    epilogue(args, open, T::kStride, row, kRows, 0, args.n);
  }
}

/// A chunk of kRows rows from row i of the strip, and kVecs vectors of columns from vector v on.
template <class E, bool kGrouped, unsigned kRows, unsigned kVecs>
LOWBIT_NOINLINE void run_tile(const Strip& strip, const std::byte* weights, unsigned i, unsigned v) {
  using Tile = typename E::template Tile<kGrouped, kRows, kVecs>;
  std::int32_t* open = strip.open + i * Tile::kStride + v * kLanes;
  float* closed = strip.closed + i * Tile::kStride + v * kLanes;
  const std::int32_t* row_zero = kGrouped && strip.row_zero ? strip.row_zero + i : nullptr;
  if constexpr (kGrouped && E::kEvenQuads > 0) {
    if (strip.even_quads == E::kEvenQuads)
      return Tile::run_even_groups(strip, weights, i, v, row_zero, closed);
  }
  Tile tile(open, strip.chunk.continues);
  if (kGrouped || !strip.chunk.continues)
    tile.start_group(strip.chunk.continues, row_zero, strip.terms.start[0] + v * kLanes);
  WeightStream stream = stream_of(strip.chunk, weights, i / kRows);
  unsigned g = 0;
  for (unsigned p = 0; p < strip.chunk.count; ++p) {
    const Segment& s = strip.segments[p];
    tile.piece(s.a, s.offset + i, s.quads, s.flush, stream);
    if (!kGrouped || !s.flush) continue;
    tile.flush(strip.terms.scales[g] + v * kLanes, closed);
    ++g;
    if (p + 1 < strip.chunk.count) tile.start_group(false, row_zero, strip.terms.start[g] + v * kLanes);
  }
  if constexpr (E::kFinishesTiles) {
    if (strip.last) return finish_tile<kGrouped, kRows, kVecs>(strip, tile, i, open, closed);
  }
  if (!kGrouped || strip.chunk.unfinished) tile.put_aside(open);
}

/// Heights of tiles, the tallest first.
template <unsigned... kRows>
struct Heights {
  /// Calls f<height>(first row) for tiles that cover `rows` rows: about equally tall ones where every height
  /// is there, else the tallest that fit.
  template <class F>
  static void cut(unsigned rows, const F& f) {
    constexpr unsigned kList[] = {kRows...}, kMost = kList[0];
    if constexpr (sizeof...(kRows) == kMost) {
      const unsigned tiles = (rows + kMost - 1) / kMost, low = rows / tiles;
      for (unsigned t = 0, i = 0; t < tiles; ++t) {
        const unsigned height = low + (t < rows % tiles);
        static_cast<void>(((kRows == height && (f.template operator()<kRows>(i), true)) || ...));
        i += height;
      }
    } else {
      unsigned i = 0;
      const auto cut_one = [&]<unsigned kHeight>() {
        for (; i + kHeight <= rows; i += kHeight) f.template operator()<kHeight>(i);
      };
      (cut_one.template operator()<kRows>(), ...);
    }
  }
};

/// What of a tile a strip multiplies; the panel has the columns from `column` on.
struct StripPlace {
  unsigned first_row, rows, column, columns;
};

template <class E, bool kGrouped, unsigned kVecs>
LOWBIT_NOINLINE void run_strip(const E& engine, const TileArgs& tile_args, const StripPlace& place) {
  constexpr unsigned kWide = kTileWidth<E, kVecs>, kStride = E::template Tile<kGrouped, 1, kVecs>::kStride;
  alignas(64) std::int32_t open[E::kStripRows * kStride];
  alignas(64) float closed[kGrouped ? E::kStripRows * kStride : 16];
  alignas(64) std::byte decoded[E::kDecodes ? E::kQuads * kVecs * E::kParts * kVectorBytes : 64];
  TileArgs args = tile_args;
  const std::int32_t* row_zero =
      kGrouped && args.epilogue.row_a ? args.epilogue.row_a + place.first_row : nullptr;
  const bool alike = all_alike(row_zero, place.rows);
  const std::int32_t factor = row_zero == nullptr ? 0 : alike ? 0 - row_zero[0] : 1;
  if (E::kFinishesTiles && !kGrouped) args.epilogue.column_constant = nullptr;  // the sums start there
  Strip strip(args, place.first_row, alike ? nullptr : row_zero, open, closed,
              FinishTerms(args, kGrouped, E::kFinishesTiles));
  if constexpr (kGrouped) {
    __builtin_memset(closed, 0, place.rows * kStride * sizeof(float));
  } else {
    strip.start_at(E::kFinishesTiles ? tile_args.epilogue.column_constant : nullptr, args.n);
  }
  const bool preset = engine.template preset<kStride>(open, place.rows);
  const PanelHeader& h = header_of(args.panel);
  ChunkCutter cutter(args, E::kQuads / Format::kVectors, kChunkGroups);
  while (!cutter.done()) {
    cutter.next(strip.chunk);
    strip.last = cutter.done();
    strip.chunk.continues |= preset;
    strip.find_segments(kGrouped, E::kEvenQuads > 0);
    const std::byte* weights =
        chunk_weights<E, kGrouped, kVecs>(h, strip.chunk, decoded, factor, strip.terms);
    for (unsigned v = 0; v < kVecs; v += kWide, weights += strip.chunk.quads * kQuadBytes<E, kVecs>)
      E::template Rows<kWide>::cut(place.rows, [&]<unsigned kRows>(unsigned i) {
        run_tile<E, kGrouped, kRows, kWide>(strip, weights, i, v);
      });
  }
  if constexpr (!E::kFinishesTiles) {
    const auto finish = [&](const auto* sums) {
      epilogue(args, sums, kStride, place.first_row, place.rows, place.column, place.columns);
    };
    if constexpr (kGrouped) {
      finish(closed);
    } else {
      finish(open);
    }
  }
}

/// Whether all of K is one chunk, and tiles are finished as they end.
template <class E>
bool is_one_strip(const TileArgs& args) {
  if (!E::kFinishesTiles || E::kDecodes || header_of(args.panel).groups > 1 ||
      !FinishTerms::takes(args, false) || args.run_count > Chunk::kMaxPieces)
    return false;
  std::uint32_t quads = 0;
  for (std::uint32_t r = 0; r < args.run_count; ++r) quads += (args.runs[r].codes + 3) / 4;
  return quads <= E::kQuads;
}

/// One strip of a panel of any width.
template <class E, unsigned kVecs = 1>
void run_strip(const E& engine, const TileArgs& args, const StripPlace& place) {
  const PanelHeader& h = header_of(args.panel);
  if constexpr (kVecs < kTileVecs) {
    if (h.width > kVecs * kLanes) return run_strip<E, kVecs + 1>(engine, args, place);
  }
  if constexpr (E::kGroups) {
    if (h.groups > 1) return run_strip<E, true, kVecs>(engine, args, place);
  }
  run_strip<E, false, kVecs>(engine, args, place);
}

/// The table entry of this file's format, but for what an engine knows.
constexpr GemmKernel x86_kernel(const char* name, WeightFormat format, Isa required, std::uint16_t m_step,
                                void (*run)(const TileArgs&)) {
  return {.name = name,
          .format = format,
          .act = ActType::u8,
          .required = required,
          .reference = false,
          .nr = kColumns,
          .n_step = kLanes,
          .kr = kStepCodes,
          .m_step = m_step,
          .supports = Format::supports,
          .panel_bytes = panel_bytes,
          .pack = pack_panel,
          .run = run};
}

/// All rows, a strip at a time; at once where a strip puts no sums aside.
template <class E>
void run_strips(const TileArgs& args) {
  const unsigned step = is_one_strip<E>(args) ? args.m : E::kStripRows;
  for (unsigned i = 0; i < args.m; i += step)
    run_strip(E(), args, {i, args.m - i < step ? args.m - i : step, 0, args.n});
}

}  // namespace
}  // namespace lowbit::kernels
