// The engine of the processors that have vpdpbusd, which multiplies four u8 codes of A by four s8 weights and
// adds them to a 32-bit lane. Read this file first.
//
// A panel (x86_panel.inl) holds 64 or 16 columns across the lanes of vectors, four codes of K to a lane. It
// is multiplied by one strip of rows after the other, and K goes by in chunks (x86_chunk.inl): the weights of
// a chunk stay in the L1 cache while the rows of the strip pass. Weights of less than a byte are decoded into
// an L1 buffer once for the strip, so that every format multiplies at the speed of s8; only groups of scales
// cost more. Within a chunk, tiles of rows x vectors of columns keep their sums in registers (dot_tile.inl);
// between chunks these lie on the stack. At the end of a scale group the exact integers go into float sums.
// The last chunk of a tile ends in the epilogue, from registers (dot_finish.inl) or from memory.
//
// dot_run_<width>.inl says which tiles there are. Products of few rows, which wait for weights and not for
// dot products, go another way: dot_few_rows.inl.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/x86_chunk.inl"
#include "kernels/gemm/x86_dot/dot_finish.inl"
#include "kernels/gemm/x86_dot/dot_tile.inl"

namespace lowbit::x86_dot {
namespace {

// Quads of codes in a chunk: 16 KiB of decoded weights in the widest panel. Weights that lie in the panel as
// they are multiplied come from the L2 cache as fast, and the fewer chunks, the fewer sums are put aside.
constexpr unsigned kChunkQuads = 64;
template <class F>
constexpr unsigned kQuads = F::kPlain ? 512 : kChunkQuads;
constexpr unsigned kChunkGroups = 16;
constexpr unsigned kStripRows = 72;

/// What a chunk of a grouped product needs beside its codes, one entry for each group that it touches.
struct GroupTerms {
  alignas(64) float scales[kChunkGroups + 1][kColumns];
  // Where accumulators start: -row zero * (sum of the group's weights within this chunk), for all rows alike;
  // or those sums, if the row zeros differ.
  alignas(64) std::int32_t start[kChunkGroups + 1][kColumns];
};

/// One strip. Sums of row i start at i * width (int32: of the open group; float: of the groups before).
struct Strip {
  const TileArgs& args;
  unsigned first_row, rows;
  const std::int32_t* row_zero;  // of the strip's rows; null if they are all alike
  std::int32_t* open;
  float* closed;
};

/// Decodes a chunk to s8 weights in `out`.
template <class F, unsigned kVecs>
void decode_chunk(const PanelHeader& h, const Chunk& chunk, std::byte* out) {
  const F format(h.levels);
  const std::byte* in = chunk.codes;
  for (unsigned p = 0; p < chunk.count; ++p) {
    const Piece& piece = chunk.pieces[p];
    VecI zero[kVecs];
    for (unsigned v = 0; v < kVecs; ++v)
      zero[v] = repeat_low_byte(group_zeros(h, h.groups == 1 ? 0 : piece.run->group, v));
    const std::uint32_t quads = (piece.codes + 3) / 4;
    for (std::uint32_t q = 0; q < quads; q += F::kVectors)
      for (unsigned v = 0; v < kVecs; ++v, in += kVectorBytes) {
        VecI w[F::kVectors];
        format.decode(load_bytes(in), w);
#pragma GCC unroll 4
        for (unsigned u = 0; u < F::kVectors; ++u)
          if (q + u < quads)
            store_bytes(out + ((q + u) * kVecs + v) * kVectorBytes, sub_bytes(w[u], zero[v]));
      }
    out += std::size_t{quads} * kVecs * kVectorBytes;
    if (piece.codes % 4 == 0) continue;
    // The row of A goes on behind the last code of a piece: weights there must be 0.
    const VecI valid = broadcast_i(static_cast<std::int32_t>((1u << 8 * (piece.codes % 4)) - 1));
    for (unsigned v = 0; v < kVecs; ++v) {
      std::byte* last = out - (kVecs - v) * kVectorBytes;
      store_bytes(last, and_bits(load_bytes(last), valid));
    }
  }
}

/// `factor`: what the sums of a group's weights are multiplied by.
template <unsigned kVecs>
void group_terms(const PanelHeader& h, const Chunk& chunk, const std::byte* weights, std::int32_t factor,
                 GroupTerms& terms) {
  const VecI ones = broadcast_byte(1);
  unsigned g = 0;
  VecI sum[kVecs];
  for (unsigned v = 0; v < kVecs; ++v) sum[v] = broadcast_i(0);
  for (unsigned p = 0; p < chunk.count; ++p) {
    if (factor != 0)
      for (std::uint32_t q = 0; q < (chunk.pieces[p].codes + 3) / 4; ++q)
        for (unsigned v = 0; v < kVecs; ++v, weights += kVectorBytes)
          sum[v] = dot4(sum[v], ones, load_bytes(weights));
    if (!chunk.pieces[p].flush && p + 1 < chunk.count) continue;
    for (unsigned v = 0; v < kVecs; ++v) {
      store_i(terms.start[g] + v * kLanes, mul_i(sum[v], broadcast_i(factor)));
      store_f(terms.scales[g] + v * kLanes, group_scales(h, chunk.pieces[p].run->group, v));
      sum[v] = broadcast_i(0);
    }
    ++g;
  }
}

/// Starts a group, or goes on with one: `start` is as in GroupTerms.
template <unsigned kRows, unsigned kVecs>
inline __attribute__((always_inline)) void start_group(Tile<kRows, kVecs>& tile, bool continues,
                                                       const std::int32_t* row_zero,
                                                       const std::int32_t* start) {
  tile.clear_others();
  keep_one_pointer(start);
#pragma GCC unroll 64
  for (unsigned v = 0; v < kVecs; ++v) {
    const VecI s = load_i(start + v * kLanes);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i) {
      VecI term = s;
      if (row_zero) term = sub_i(broadcast_i(0), mul_i(broadcast_i(row_zero[i]), s));
      tile.acc[0][i][v] = continues ? add_i(tile.acc[0][i][v], term) : term;
    }
  }
}

/// closed = fma(float(acc), scale, closed). The float sums stay in memory: a tile of half the accumulators,
/// with these in registers, was slower for groups of 32 codes already.
template <unsigned kRows, unsigned kVecs>
inline __attribute__((always_inline)) void flush(const Tile<kRows, kVecs>& tile, const float* scales,
                                                 float* closed) {
  keep_one_pointer(closed);
#pragma GCC unroll 64
  for (unsigned v = 0; v < kVecs; ++v) {
    const VecF scale = load_f(scales + v * kLanes);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i) {
      float* f = closed + (i * kVecs + v) * kLanes;
      store_f(f, fma_f(to_float(tile.sum(i, v)), scale, load_f(f)));
    }
  }
}

template <unsigned kRows, unsigned kVecs>
inline __attribute__((always_inline)) void run_piece(Tile<kRows, kVecs>& tile, const Strip& strip,
                                                     const Piece& piece, WeightStream& stream, unsigned i) {
  const TileArgs& args = strip.args;
  tile.piece(args.a + piece.run->offset + piece.first,
             args.a_offset + piece.run->tap * args.a_offset_stride + strip.first_row + i,
             (piece.codes + 3) / 4, stream);
}

/// Each tile of a chunk fetches its share of the next one, a line for each of its own steps.
inline WeightStream stream_of(const Chunk& chunk, const std::byte* weights, unsigned tile) {
  const std::size_t bytes = static_cast<std::size_t>(chunk.end - chunk.codes),
                    at = tile * std::size_t{64} * kChunkQuads;
  return {weights, chunk.end + (at < bytes ? at : 0), at < bytes ? 64u : 0u};
}

/// A chunk of kRows rows from row i of the strip on. `constant`: where sums start, of each column. `finish`:
/// what becomes of the sums, or null if they are to be stored.
template <unsigned kRows, unsigned kVecs>
__attribute__((noinline)) void run_tile(const Strip& strip, const Chunk& chunk, const std::byte* weights,
                                        const std::int32_t* constant, const FinishTerms<kVecs>* finish,
                                        unsigned i) {
  std::int32_t* open = strip.open + i * kVecs * kLanes;
  Tile<kRows, kVecs> tile;
  if (chunk.continues) {
    tile.load(open);
  } else {
    start_group(tile, false, nullptr, constant);
  }
  WeightStream stream = stream_of(chunk, weights, i / kRows);
  for (unsigned p = 0; p < chunk.count; ++p) run_piece(tile, strip, chunk.pieces[p], stream, i);
  if (finish == nullptr) return tile.store(open);
  finish_rows<kRows>(*finish, row_of_c(strip.args, strip.first_row + i), strip.args.c_row_bytes,
                     [&](unsigned r, unsigned v) { return to_float(tile.sum(r, v)); });
}

/// The same with scale groups.
template <unsigned kRows, unsigned kVecs>
__attribute__((noinline)) void run_grouped_tile(const Strip& strip, const Chunk& chunk,
                                                const std::byte* weights, const GroupTerms& terms,
                                                unsigned i) {
  std::int32_t* open = strip.open + i * kVecs * kLanes;
  const std::int32_t* row_zero = strip.row_zero ? strip.row_zero + i : nullptr;
  Tile<kRows, kVecs> tile;
  if (chunk.continues) tile.load(open);
  start_group(tile, chunk.continues, row_zero, terms.start[0]);
  unsigned g = 0;
  WeightStream stream = stream_of(chunk, weights, i / kRows);
  for (unsigned p = 0; p < chunk.count; ++p) {
    run_piece(tile, strip, chunk.pieces[p], stream, i);
    if (!chunk.pieces[p].flush) continue;
    flush(tile, terms.scales[g], strip.closed + i * kVecs * kLanes);
    ++g;
    if (p + 1 < chunk.count) start_group(tile, false, row_zero, terms.start[g]);
  }
  if (chunk.unfinished) tile.store(open);
}

/// As many tiles of kRows rows as fit from row i on; returns the first row left. Behind the last chunk each
/// tile is stored at once: the stores of a whole strip together would wait for memory, with nothing to do.
template <unsigned kVecs, unsigned kRows>
unsigned tiles(const Strip& strip, const Chunk& chunk, const std::byte* weights, const std::int32_t* constant,
               const FinishTerms<kVecs>& finish, bool last, unsigned i) {
  constexpr unsigned kWidth = kVecs * kLanes;
  const bool direct = last && finish.direct;
  for (; i + kRows <= strip.rows; i += kRows) {
    run_tile<kRows, kVecs>(strip, chunk, weights, constant, direct ? &finish : nullptr, i);
    if (last && !direct)
      epilogue(strip.args, strip.open + i * kWidth, kWidth, strip.first_row + i, kRows, 0, strip.args.n);
  }
  return i;
}
template <unsigned kVecs, unsigned kRows>
unsigned grouped_tiles(const Strip& strip, const Chunk& chunk, const std::byte* weights,
                       const GroupTerms& terms, const FinishTerms<kVecs>& finish, bool last, unsigned i) {
  constexpr unsigned kWidth = kVecs * kLanes;
  for (; i + kRows <= strip.rows; i += kRows) {
    run_grouped_tile<kRows, kVecs>(strip, chunk, weights, terms, i);
    if (!last) continue;
    const float* closed = strip.closed + i * kWidth;
    if (finish.direct) {
      finish_rows<kRows>(finish, row_of_c(strip.args, strip.first_row + i), strip.args.c_row_bytes,
                         [&](unsigned r, unsigned v) { return load_f(closed + r * kWidth + v * kLanes); });
    } else {
      epilogue(strip.args, closed, kWidth, strip.first_row + i, kRows, 0, strip.args.n);
    }
  }
  return i;
}

/// The s8 weights of a chunk: in the panel, or decoded into `buffer`.
template <class F, unsigned kVecs>
const std::byte* chunk_weights(const PanelHeader& h, const Chunk& chunk, std::byte* buffer) {
  if constexpr (F::kPlain)
    return chunk.codes;
  else {
    decode_chunk<F, kVecs>(h, chunk, buffer);
    return buffer;
  }
}

template <class F, unsigned kVecs>
constexpr std::size_t kDecodedBytes = F::kPlain ? 64 : kChunkQuads* kVecs* kVectorBytes;

template <class F, unsigned kVecs, unsigned... kRows>
void run_strip(const TileArgs& args, unsigned first_row, unsigned rows) {
  alignas(64) std::int32_t open[kStripRows * kVecs * kLanes];
  alignas(64) std::byte decoded[kDecodedBytes<F, kVecs>];
  alignas(64) std::int32_t constant[kVecs * kLanes] = {};
  if (args.epilogue.column_constant)
    __builtin_memcpy(constant, args.epilogue.column_constant, args.n * sizeof *constant);
  TileArgs rest = args;
  rest.epilogue.column_constant = nullptr;  // the sums start there
  const Strip strip = {rest, first_row, rows, nullptr, open, nullptr};
  const FinishTerms<kVecs> finish(rest, false);
  ChunkCutter cutter(args, kQuads<F> / F::kVectors, kChunkGroups);
  for (Chunk chunk; !cutter.done();) {
    cutter.next(chunk);
    const std::byte* weights = chunk_weights<F, kVecs>(header_of(args.panel), chunk, decoded);
    unsigned i = 0;
    ((i = tiles<kVecs, kRows>(strip, chunk, weights, constant, finish, cutter.done(), i)), ...);
  }
}

template <class F, unsigned kVecs, unsigned... kRows>
void run_grouped_strip(const TileArgs& args, unsigned first_row, unsigned rows) {
  alignas(64) std::int32_t open[kStripRows * kVecs * kLanes];
  alignas(64) float closed[kStripRows * kVecs * kLanes];
  alignas(64) std::byte decoded[kDecodedBytes<F, kVecs>];
  GroupTerms terms;
  const std::int32_t* row_zero = args.epilogue.row_a ? args.epilogue.row_a + first_row : nullptr;
  const bool alike = all_alike(row_zero, rows);
  const std::int32_t factor = row_zero == nullptr ? 0 : alike ? 0 - row_zero[0] : 1;
  const Strip strip = {args, first_row, rows, alike ? nullptr : row_zero, open, closed};
  const FinishTerms<kVecs> finish(args, true);
  __builtin_memset(closed, 0, rows * kVecs * kLanes * sizeof(float));
  const PanelHeader& h = header_of(args.panel);
  ChunkCutter cutter(args, kQuads<F> / F::kVectors, kChunkGroups);
  for (Chunk chunk; !cutter.done();) {
    cutter.next(chunk);
    const std::byte* weights = chunk_weights<F, kVecs>(h, chunk, decoded);
    group_terms<kVecs>(h, chunk, weights, factor, terms);
    unsigned i = 0;
    ((i = grouped_tiles<kVecs, kRows>(strip, chunk, weights, terms, finish, cutter.done(), i)), ...);
  }
}

/// Whether run_strip puts no sums aside: it takes any number of rows then.
template <class F, unsigned kVecs>
bool is_one_strip(const TileArgs& args) {
  if (!F::kPlain || !FinishTerms<kVecs>::takes(args, false) || args.run_count > Chunk::kMaxPieces)
    return false;
  std::uint32_t quads = 0;
  for (std::uint32_t r = 0; r < args.run_count; ++r) quads += (args.runs[r].codes + 3) / 4;
  return quads <= kQuads<F>;
}

/// All rows, a strip at a time.
template <class F, unsigned kVecs, unsigned... kRows>
void run_rows(const TileArgs& args) {
  const bool groups = header_of(args.panel).groups > 1;
  if (!groups && is_one_strip<F, kVecs>(args)) return run_strip<F, kVecs, kRows...>(args, 0, args.m);
  const auto run = groups ? run_grouped_strip<F, kVecs, kRows...> : run_strip<F, kVecs, kRows...>;
  for (unsigned i = 0; i < args.m; i += kStripRows)
    run(args, i, args.m - i < kStripRows ? args.m - i : kStripRows);
}

/// Any number of rows; in dot_run_<width>.inl.
void run_any_rows(const TileArgs& args);

/// The table entry of this file's format.
constexpr GemmKernel dot_kernel(const char* name, WeightFormat format, Isa required) {
  return {.name = name,
          .format = format,
          .act = ActType::u8,
          .required = required,
          .reference = false,
          .nr = kColumns,
          .n_step = kLanes,
          .kr = kStepCodes,
          .m_step = kAccumulators,  // of the narrowest tile
          .supports = Format::supports,
          .panel_bytes = dot_panel_bytes,
          .pack = dot_pack,
          .run = run_any_rows};
}

}  // namespace
}  // namespace lowbit::x86_dot
