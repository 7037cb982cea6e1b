// The loops around the batched tile: a strip of rows times 16 columns, K in chunks whose weights are decoded
// once for the strip. Included once, inside namespace lowbit, after batch_decode.inl.
namespace {

constexpr unsigned kStripRows = 64;

/// One strip. Sums of row i start at i * kColumns (int32: of the open group; float: of the groups before).
struct Strip {
  const TileArgs& args;
  unsigned first_row, rows;
  const std::int32_t* row_zero;  // of the strip's rows, or null
  bool row_zero_words;           // they are in [0, 32767]
  std::int32_t* open;
  float* closed;
};

inline bool are_words(const std::int32_t* row_zero, unsigned rows) {
  std::int32_t all = 0;
  for (unsigned i = 0; i < rows; ++i) all |= row_zero[i];
  return all >= 0 && all <= 32767;
}

/// A chunk of kRows rows from row i of the strip, and kVecs vectors of columns from vector v on.
template <class M, bool kGroups, unsigned kRows, unsigned kVecs>
__attribute__((noinline)) void run_tile(const Strip& strip, const Chunk& chunk, const std::byte* weights,
                                        const GroupTerms& terms, unsigned i, unsigned v) {
  using Tile = BatchTile<M, kRows, kVecs>;
  constexpr unsigned kQuadBytes = Tile::kStreams * kVectorBytes;
  const TileArgs& args = strip.args;
  std::int32_t* open = strip.open + i * kColumns + v * kLanes;
  float* closed = strip.closed + i * kColumns + v * kLanes;
  const std::int32_t* row_zero = kGroups && strip.row_zero ? strip.row_zero + i : nullptr;
  Tile tile;
  bool fresh = !chunk.continues;
  unsigned g = 0;
  for (unsigned p = 0; p < chunk.count; ++p) {
    const Piece& piece = chunk.pieces[p];
    const std::uint8_t* a = args.a + piece.run->offset + piece.first;
    const std::ptrdiff_t* offset =
        args.a_offset + piece.run->tap * args.a_offset_stride + strip.first_row + i;
    const bool ends = kGroups && piece.flush;
    for (std::uint32_t left = quads_of(piece); left > 0;) {
      const unsigned step = left >= M::kBatch ? M::kBatch : 1;
      if (step == M::kBatch) {
        tile.template batch<M::kBatch>(a, offset, weights);
      } else {
        tile.template batch<1>(a, offset, weights);
      }
      a += 4 * step;
      weights += step * kQuadBytes;
      left -= step;
      if (!fresh) tile.add(open);
      fresh = left == 0 && ends;
      if (!fresh) {
        tile.store(open);
        continue;
      }
      if (row_zero && strip.row_zero_words) {
        tile.template subtract_zeros<true>(row_zero, terms.sums[g] + v * kLanes);
      } else if (row_zero) {
        tile.template subtract_zeros<false>(row_zero, terms.sums[g] + v * kLanes);
      }
      tile.flush(terms.scales[g] + v * kLanes, closed);
      ++g;
    }
  }
  if (!row_zero || !chunk.unfinished) return;
  tile.load(open);
  tile.template subtract_zeros<false>(row_zero, terms.sums[g] + v * kLanes);
  tile.store(open);
}

/// Calls f.template rows<r>(i) for tiles of about equal height, at most kMax rows, that cover `rows` rows.
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

template <class M, bool kGroups, unsigned kVecs>
void run_tiles(const Strip& strip, const Chunk& chunk, const std::byte* weights, const GroupTerms& terms,
               unsigned v) {
  cut_rows<4>(strip.rows, [&](unsigned r, unsigned i) {
    switch (r) {
      case 1:
        return run_tile<M, kGroups, 1, kVecs>(strip, chunk, weights, terms, i, v);
      case 2:
        return run_tile<M, kGroups, 2, kVecs>(strip, chunk, weights, terms, i, v);
      case 3:
        return run_tile<M, kGroups, 3, kVecs>(strip, chunk, weights, terms, i, v);
      default:
        return run_tile<M, kGroups, 4, kVecs>(strip, chunk, weights, terms, i, v);
    }
  });
}

template <class F, class M, bool kGroups, unsigned kVecs>
void run_strip(const TileArgs& args, unsigned first_row, unsigned rows, unsigned column, unsigned columns) {
  constexpr unsigned kWide = kTileWidth<M, kVecs>;
  alignas(64) std::int32_t open[kStripRows * kColumns];
  alignas(64) float closed[kGroups ? kStripRows * kColumns : 16];
  Decoded decoded;
  GroupTerms terms;
  const std::int32_t* row_zero = kGroups && args.epilogue.row_a ? args.epilogue.row_a + first_row : nullptr;
  const Strip strip = {args, first_row, rows, row_zero, row_zero != nullptr && are_words(row_zero, rows),
                       open, closed};
  if constexpr (kGroups) __builtin_memset(closed, 0, rows * kColumns * sizeof(float));
  const PanelHeader& h = header_of(args.panel);
  ChunkCutter cutter(args, kChunkQuads / F::kVectors, kChunkGroups);
  for (Chunk chunk; !cutter.done();) {
    cutter.next(chunk);
    if (row_zero) {
      decode_chunk<F, M, kVecs, true>(h, chunk, decoded.bytes, terms);
    } else {
      decode_chunk<F, M, kVecs, false>(h, chunk, decoded.bytes, terms);
    }
    if constexpr (kGroups) load_scales(h, chunk, kVecs, terms);
    const std::size_t tile_bytes = std::size_t{quads_of(chunk)} * kWide * M::kParts * kVectorBytes;
    for (unsigned v = 0; v < kVecs; v += kWide)
      run_tiles<M, kGroups, kWide>(strip, chunk, decoded.bytes + v / kWide * tile_bytes, terms, v);
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
void run_batched(const TileArgs& args, unsigned first_row, unsigned rows, unsigned column, unsigned columns) {
  const PanelHeader& h = header_of(args.panel);
  if (h.groups > 1) {
    if (h.width > kLanes) return run_strip<F, M, true, 2>(args, first_row, rows, column, columns);
    return run_strip<F, M, true, 1>(args, first_row, rows, column, columns);
  }
  if (h.width > kLanes) return run_strip<F, M, false, 2>(args, first_row, rows, column, columns);
  run_strip<F, M, false, 1>(args, first_row, rows, column, columns);
}

}  // namespace
