// The engine of plain AVX2, which has no dot product. vpmaddubsw multiplies u8 codes of A by s8 weights and
// adds neighbours, but into 16 bits, where two products of large codes saturate. Read this file first.
//
// Every kernel here proves that its weights cannot saturate it. Those of u4, s2 and lut4 are small or are
// split into two small parts, so that sums of several steps even stay in 16-bit lanes before they widen: a
// batch, see the table of maddubs_tile.inl. s8 clamps pairs of weights that are too large when it packs them
// and multiplies what was cut off from a list (maddubs_pairs_strip.inl, excess_*.inl).
//
// Panel and chunks are those of x86_dot: a strip of rows is multiplied by 16 columns, K in chunks whose
// weights are decoded once for the strip (maddubs_decode.inl). Sums wait between batches in memory, 32 bits
// each, and at the end of a scale group go into float sums. Up to 8 rows go through maddubs_few_rows.inl.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/x86_maddubs/maddubs_decode.inl"

namespace lowbit::x86_maddubs {
namespace {

constexpr unsigned kStripRows = 64;

/// How many scale groups a product has, and how the row zeros of a strip enter a group's sum.
enum class Groups {
  one,
  same_zeros,  // one value, or none: times the group's weights beforehand
  row_zeros
};

/// A piece as tiles see it: row i of the strip starts at a + offset[i].
struct Segment {
  const std::uint8_t* a;
  const std::ptrdiff_t* offset;
  std::uint32_t quads;
  bool flush;
};

/// One strip, and the chunk of it that is being multiplied. Sums of row i start at i * kColumns (int32: of
/// the open group; float: of the groups before).
struct Strip {
  unsigned rows;
  const std::int32_t* row_zero;
  std::int32_t* open;
  float* closed;
  unsigned segment_count;
  bool continues, unfinished;  // as in Chunk
  std::uint32_t even_quads;    // of every segment, if all are whole groups that follow each other; else 0
  Segment segments[Chunk::kMaxPieces];
  GroupTerms terms;

  void set_chunk(const TileArgs& args, const Chunk& chunk, unsigned first_row, bool groups) {
    segment_count = chunk.count;
    continues = chunk.continues;
    unfinished = chunk.unfinished;
    for (unsigned p = 0; p < chunk.count; ++p) {
      const Piece& piece = chunk.pieces[p];
      segments[p] = {args.a + piece.run->offset + piece.first,
                     args.a_offset + piece.run->tap * args.a_offset_stride + first_row, quads_of(piece),
                     groups && piece.flush};
    }
    even_quads = groups && !continues && is_even() ? segments[0].quads : 0;
  }

 private:
  bool is_even() const {
    for (unsigned p = 0; p < segment_count; ++p) {
      const Segment &first = segments[0], &s = segments[p];
      if (!s.flush || s.quads != first.quads || s.offset != first.offset ||
          s.a != first.a + std::size_t{4} * first.quads * p)
        return false;
    }
    return true;
  }
};

/// The row zeros' part of group g.
template <Groups kGroups, class T>
inline __attribute__((always_inline)) void subtract_zeros(T& tile, const Strip& strip, unsigned g, unsigned i,
                                                          unsigned v) {
  const std::int32_t* sums = strip.terms.sums[g] + v * kLanes;
  if constexpr (kGroups == Groups::same_zeros) {
    tile.subtract(sums);
  } else {
    tile.subtract_products(strip.row_zero + i, sums);
  }
}

/// The groups of an even chunk, a batch each: what a segment may be else costs a tenth of the time.
template <class M, Groups kGroups, unsigned kRows, unsigned kVecs>
inline __attribute__((always_inline)) void run_even_groups(const Strip& strip, const std::byte* weights,
                                                           unsigned i, unsigned v, float* closed) {
  using Tile = MaddubsTile<M, kRows, kVecs>;
  const std::uint8_t* a = strip.segments[0].a;
  std::ptrdiff_t offset[kRows];
#pragma GCC unroll 64
  for (unsigned r = 0; r < kRows; ++r) offset[r] = strip.segments[0].offset[i + r];
  Tile tile;
  for (unsigned g = 0; g < strip.segment_count; ++g) {
    tile.template batch<M::kBatch>(a, offset, weights);
    a += 4 * M::kBatch;
    weights += M::kBatch * Tile::kStreams * kVectorBytes;
    subtract_zeros<kGroups>(tile, strip, g, i, v);
    tile.flush(strip.terms.scales[g] + v * kLanes, closed);
  }
}

/// A chunk of kRows rows from row i of the strip, and kVecs vectors of columns from vector v on.
template <class M, Groups kGroups, unsigned kRows, unsigned kVecs>
__attribute__((noinline)) void run_tile(const Strip& strip, const std::byte* weights, unsigned i,
                                        unsigned v) {
  using Tile = MaddubsTile<M, kRows, kVecs>;
  constexpr unsigned kQuadBytes = Tile::kStreams * kVectorBytes;
  std::int32_t* open = strip.open + i * kColumns + v * kLanes;
  float* closed = strip.closed + i * kColumns + v * kLanes;
  if constexpr (kGroups != Groups::one) {
    if (strip.even_quads == M::kBatch)
      return run_even_groups<M, kGroups, kRows, kVecs>(strip, weights, i, v, closed);
  }
  Tile tile;
  bool fresh = !strip.continues;
  unsigned g = 0;
  for (unsigned p = 0; p < strip.segment_count; ++p) {
    const Segment& segment = strip.segments[p];
    const std::uint8_t* a = segment.a;
    for (std::uint32_t left = segment.quads; left > 0;) {
      const unsigned step = left >= M::kBatch ? M::kBatch : 1;
      if (step == M::kBatch) {
        tile.template batch<M::kBatch>(a, segment.offset + i, weights);
      } else {
        tile.template batch<1>(a, segment.offset + i, weights);
      }
      a += 4 * step;
      weights += step * kQuadBytes;
      left -= step;
      if (!fresh) tile.add(open);
      fresh = kGroups != Groups::one && left == 0 && segment.flush;
      if (!fresh) {
        tile.store(open);
        continue;
      }
      if constexpr (kGroups != Groups::one) {
        subtract_zeros<kGroups>(tile, strip, g, i, v);
        tile.flush(strip.terms.scales[g] + v * kLanes, closed);
        ++g;
      }
    }
  }
  if constexpr (kGroups != Groups::one) {
    if (!strip.unfinished) return;
    tile.load(open);
    subtract_zeros<kGroups>(tile, strip, g, i, v);
    tile.store(open);
  }
}

/// Calls f(rows, first row) for tiles of about equal height, at most kMax rows, that cover `rows` rows.
template <unsigned kMax, class F>
inline void cut_rows(unsigned rows, const F& f) {
  const unsigned tiles = (rows + kMax - 1) / kMax, low = rows / tiles;
  unsigned i = 0;
  for (unsigned t = 0; t < tiles; ++t) {
    const unsigned r = low + (t < rows % tiles);
    f(r, i);
    i += r;
  }
}

template <class M, Groups kGroups, unsigned kVecs>
void run_tiles(const Strip& strip, const std::byte* weights, unsigned v) {
  cut_rows<6>(strip.rows, [&](unsigned r, unsigned i) {
    switch (r) {
      case 1:
        return run_tile<M, kGroups, 1, kVecs>(strip, weights, i, v);
      case 2:
        return run_tile<M, kGroups, 2, kVecs>(strip, weights, i, v);
      case 3:
        return run_tile<M, kGroups, 3, kVecs>(strip, weights, i, v);
      case 4:
        return run_tile<M, kGroups, 4, kVecs>(strip, weights, i, v);
      case 5:
        return run_tile<M, kGroups, 5, kVecs>(strip, weights, i, v);
      default:
        return run_tile<M, kGroups, 6, kVecs>(strip, weights, i, v);
    }
  });
}

template <class F, class M, bool kGroups, unsigned kVecs>
void run_strip(const TileArgs& args, unsigned first_row, unsigned rows, unsigned column, unsigned columns) {
  constexpr unsigned kWide = kTileWidth<M, kVecs>;
  alignas(64) std::int32_t open[kStripRows * kColumns];
  alignas(64) float closed[kGroups ? kStripRows * kColumns : 16];
  Decoded decoded;
  Strip strip;
  strip.rows = rows;
  strip.row_zero = kGroups && args.epilogue.row_a ? args.epilogue.row_a + first_row : nullptr;
  const bool alike = all_alike(strip.row_zero, rows);
  strip.open = open;
  strip.closed = closed;
  if constexpr (kGroups) __builtin_memset(closed, 0, rows * kColumns * sizeof(float));
  const PanelHeader& h = header_of(args.panel);
  ChunkCutter cutter(args, kChunkQuads / F::kVectors, kChunkGroups);
  for (Chunk chunk; !cutter.done();) {
    cutter.next(chunk);
    strip.set_chunk(args, chunk, first_row, kGroups);
    if constexpr (kGroups) {
      const std::int32_t factor = !alike ? 1 : strip.row_zero != nullptr ? strip.row_zero[0] : 0;
      if (factor != 0) {
        decode_chunk<F, M, kVecs, true>(h, chunk, decoded.bytes, factor, strip.terms);
      } else {
        decode_chunk<F, M, kVecs, false>(h, chunk, decoded.bytes, 0, strip.terms);
      }
      load_scales(h, chunk, kVecs, strip.terms);
    } else {
      decode_chunk<F, M, kVecs, false>(h, chunk, decoded.bytes, 0, strip.terms);
    }
    const std::size_t tile_bytes = std::size_t{quads_of(chunk)} * kWide * M::kParts * kVectorBytes;
    for (unsigned v = 0; v < kVecs; v += kWide) {
      const std::byte* weights = decoded.bytes + v / kWide * tile_bytes;
      if constexpr (!kGroups) {
        run_tiles<M, Groups::one, kWide>(strip, weights, v);
      } else if (alike) {
        run_tiles<M, Groups::same_zeros, kWide>(strip, weights, v);
      } else {
        run_tiles<M, Groups::row_zeros, kWide>(strip, weights, v);
      }
    }
  }
  if constexpr (kGroups) {
    epilogue(args, closed, kColumns, first_row, rows, column, columns);
  } else {
    epilogue(args, open, kColumns, first_row, rows, column, columns);
  }
}

/// Rows [first_row, first_row + rows), at most kStripRows, times the panel at args.panel, whose columns are
/// `column` and the next ones of the tile.
template <class F, class M>
void run_maddubs(const TileArgs& args, unsigned first_row, unsigned rows, unsigned column, unsigned columns) {
  const PanelHeader& h = header_of(args.panel);
  if (h.groups > 1) {
    if (h.width > kLanes) return run_strip<F, M, true, 2>(args, first_row, rows, column, columns);
    return run_strip<F, M, true, 1>(args, first_row, rows, column, columns);
  }
  if (h.width > kLanes) return run_strip<F, M, false, 2>(args, first_row, rows, column, columns);
  run_strip<F, M, false, 1>(args, first_row, rows, column, columns);
}

}  // namespace
}  // namespace lowbit::x86_maddubs
