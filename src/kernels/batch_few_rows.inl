// Products of a few rows, for which decoding weights into memory first would cost more than multiplying them:
// codes are the unsigned operand as they come out of the panel, activations the signed one. With a' = a - 128
// and z the code of weight 0
//
//   one group:  sum a * (q - z)          =  sum a' * q  -  z * sum a'  +  128 * sum (q - z)
//   groups:     sum (a - 128) * (q - z)  =  sum a' * q  -  z * sum a'
//
// The panel has the last sum of the first line; with groups, rows with another zero point than 128 go the
// other way. Included once, inside namespace lowbit, after batch_strip.inl. A Weights type has
//   kParts, kMiddle   vectors that each quad becomes (the second counts 16 times); z where the panel has none
//   kBatchSteps       steps whose products add up in 16 bits
//   decode(packed, q) [kVectors][kParts] unsigned vectors
namespace {

// With groups, decoding pays from the third row on.
constexpr unsigned kFewRows = 4, kFewGroupedRows = 2, kFewCodes = 2048;

/// The rows of a chunk as a', every piece filled up with zeros to whole steps.
struct FewRows {
  alignas(64) std::int8_t codes[kFewRows][kFewCodes];
  std::int32_t sums[kFewRows][Chunk::kMaxPieces];  // of a', times kMiddle if the panel has no zero points
};

/// Copies `codes` codes as a' and fills up to `padded`; returns their sum.
inline std::int32_t copy_signed(const std::uint8_t* in, std::uint32_t codes, std::uint32_t padded,
                                std::int8_t* out) {
  const VecI flip = broadcast_byte(128), one_bytes = broadcast_byte(1), one_words = broadcast_word(1);
  VecI sums = broadcast_i(0);
  std::uint32_t t = 0;
  for (; t + 32 <= codes; t += 32) {
    const VecI a = xor_bits(load_bytes(in + t), flip);
    store_bytes(out + t, a);
    sums = add_i(sums, sum_words(mul_pairs(one_bytes, a), one_words));
  }
  std::int32_t sum = sum_lanes(sums);
  for (; t < codes; ++t) {
    out[t] = static_cast<std::int8_t>(in[t] - 128);
    sum += out[t];
  }
  for (; t < padded; ++t) out[t] = 0;
  return sum;
}

inline void gather_few(const TileArgs& args, const Chunk& chunk, unsigned rows, std::int32_t factor,
                       FewRows& out) {
  for (unsigned i = 0; i < rows; ++i) {
    std::int8_t* to = out.codes[i];
    for (unsigned p = 0; p < chunk.count; ++p) {
      const Piece& piece = chunk.pieces[p];
      const std::uint8_t* from =
          args.a + args.a_offset[piece.run->tap * args.a_offset_stride + i] + piece.run->offset + piece.first;
      const std::uint32_t padded = round_to(piece.codes, kStepCodes);
      out.sums[i][p] = factor * copy_signed(from, piece.codes, padded, to);
      to += padded;
    }
  }
}

template <class W, unsigned kRows, unsigned kVecs>
struct FewTile {
  VecI words[kRows][kVecs][W::kParts];
  VecI sum[kRows][kVecs];

  inline __attribute__((always_inline)) void clear_words() {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
#pragma GCC unroll 64
        for (unsigned part = 0; part < W::kParts; ++part) words[i][v][part] = broadcast_i(0);
  }
  inline __attribute__((always_inline)) void step(const W& weights, const std::int8_t* a,
                                                  const std::byte* packed) {
    VecI q[kVecs][Format::kVectors * W::kParts];
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) weights.decode(load_bytes(packed + v * kVectorBytes), q[v]);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned u = 0; u < Format::kVectors; ++u) {
        const VecI codes =
            broadcast_4_codes(reinterpret_cast<const std::uint8_t*>(a) + i * kFewCodes + 4 * u);
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v)
#pragma GCC unroll 64
          for (unsigned part = 0; part < W::kParts; ++part)
            words[i][v][part] = add_words(words[i][v][part], mul_pairs(q[v][u * W::kParts + part], codes));
      }
  }
  inline __attribute__((always_inline)) void widen() {
    const VecI ones = broadcast_word(1), sixteens = broadcast_word(16);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) {
        sum[i][v] = add_i(sum[i][v], sum_words(words[i][v][0], ones));
        if constexpr (W::kParts == 2) sum[i][v] = add_i(sum[i][v], sum_words(words[i][v][1], sixteens));
      }
  }
  inline __attribute__((always_inline)) void piece(const W& weights, std::uint32_t steps,
                                                   const std::int8_t* a, const std::byte* packed) {
    while (steps > 0) {
      const std::uint32_t batch = steps < W::kBatchSteps ? steps : W::kBatchSteps;
      clear_words();
#pragma GCC unroll 2
      for (std::uint32_t s = 0; s < batch; ++s, a += kStepCodes, packed += kVecs * kVectorBytes)
        step(weights, a, packed);
      widen();
      steps -= batch;
    }
  }
  /// `row_sums`: of the piece.
  inline __attribute__((always_inline)) void subtract_zeros(const PanelHeader& h, std::uint32_t group,
                                                            const std::int32_t* row_sums) {
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i) {
      const VecI row = broadcast_i(row_sums[i * Chunk::kMaxPieces]);
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
        sum[i][v] = sub_i(sum[i][v], h.zeros == 0 ? row : mul_i(row, group_zeros(h, group, v)));
    }
  }
};

/// A chunk of kRows rows from row i on; sums of rows are kColumns apart.
template <class W, bool kGroups, unsigned kRows, unsigned kVecs>
__attribute__((noinline)) void run_few(const PanelHeader& h, const Chunk& chunk, const FewRows& rows,
                                       unsigned i, std::int32_t* open, float* closed) {
  const W weights(h);
  FewTile<W, kRows, kVecs> tile;
  VecF done[kRows][kVecs];
#pragma GCC unroll 64
  for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      tile.sum[r][v] = load_i(open + r * kColumns + v * kLanes);
      if constexpr (kGroups) done[r][v] = load_f(closed + r * kColumns + v * kLanes);
    }
  const std::int8_t* a = rows.codes[i];
  const std::byte* packed = chunk.codes;
  for (unsigned p = 0; p < chunk.count; ++p) {
    const Piece& piece = chunk.pieces[p];
    const std::uint32_t steps = (piece.codes + kStepCodes - 1) / kStepCodes;
    const std::uint32_t group = kGroups ? piece.run->group : 0;
    tile.piece(weights, steps, a, packed);
    a += std::size_t{steps} * kStepCodes;
    packed += std::size_t{steps} * kVecs * kVectorBytes;
    tile.subtract_zeros(h, group, rows.sums[i] + p);
    if (!kGroups || !piece.flush) continue;
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecF scale = group_scales(h, group, v);
#pragma GCC unroll 64
      for (unsigned r = 0; r < kRows; ++r) {
        done[r][v] = fma_f(to_float(tile.sum[r][v]), scale, done[r][v]);
        tile.sum[r][v] = broadcast_i(0);
      }
    }
  }
#pragma GCC unroll 64
  for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      store_i(open + r * kColumns + v * kLanes, tile.sum[r][v]);
      if constexpr (kGroups) store_f(closed + r * kColumns + v * kLanes, done[r][v]);
    }
}

template <class W, bool kGroups, unsigned kVecs>
void run_few_rows(const TileArgs& args) {
  alignas(64) std::int32_t open[kFewRows * kColumns];
  alignas(64) float closed[kFewRows * kColumns];
  const PanelHeader& h = header_of(args.panel);
  const auto* sums = reinterpret_cast<const std::int32_t*>(args.panel + sizeof(PanelHeader));
  for (unsigned i = 0; i < args.m; ++i)
    for (unsigned v = 0; v < kVecs * kLanes; ++v) {
      open[i * kColumns + v] = kGroups ? 0 : sums[v];
      closed[i * kColumns + v] = 0.0f;
    }
  FewRows rows;
  ChunkCutter cutter(args, kFewCodes / kStepCodes, Chunk::kMaxPieces);
  for (Chunk chunk; !cutter.done();) {
    cutter.next(chunk);
    gather_few(args, chunk, args.m, h.zeros == 0 ? W::kMiddle : 1, rows);
    unsigned i = 0;
    for (; i + 2 <= args.m; i += 2)
      run_few<W, kGroups, 2, kVecs>(h, chunk, rows, i, open + i * kColumns, closed + i * kColumns);
    if (i < args.m)
      run_few<W, kGroups, 1, kVecs>(h, chunk, rows, i, open + i * kColumns, closed + i * kColumns);
  }
  if constexpr (kGroups) {
    epilogue(args, closed, kColumns, 0, args.m, 0, args.n);
  } else {
    epilogue(args, open, kColumns, 0, args.m, 0, args.n);
  }
}

/// Runs the tile if this file's way can; else returns false.
template <class W>
bool try_few_rows(const TileArgs& args) {
  if (args.m > kFewRows) return false;
  const PanelHeader& h = header_of(args.panel);
  const bool wide = h.width > kLanes;
  if (h.groups == 1) {
    wide ? run_few_rows<W, false, 2>(args) : run_few_rows<W, false, 1>(args);
    return true;
  }
  if (args.epilogue.row_a == nullptr || args.m > kFewGroupedRows) return false;
  for (unsigned i = 0; i < args.m; ++i)
    if (args.epilogue.row_a[i] != 128) return false;
  wide ? run_few_rows<W, true, 2>(args) : run_few_rows<W, true, 1>(args);
  return true;
}

/// Codes as they are.
template <unsigned kSteps>
struct FewCodes {
  static constexpr unsigned kParts = 1, kBatchSteps = kSteps;
  static constexpr std::int32_t kMiddle = Format::kMiddle;

  explicit FewCodes(const PanelHeader& h) : format_(h.levels) {}
  inline __attribute__((always_inline)) void decode(VecI packed, VecI* q) const { format_.decode(packed, q); }

 private:
  Format format_;
};

}  // namespace
