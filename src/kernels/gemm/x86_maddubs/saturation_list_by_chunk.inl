// SPDX-License-Identifier: Apache-2.0
// The excess list of a panel: what was taken from weights so that no pair of products saturates, and its
// product with many rows, exact in int32.
//
// The list, in 32-bit words:
//   chunk 0 (kExcessSteps steps of K):
//     number of words that follow
//     segment: kHead | column, then the entries: pair of codes within the chunk | weights << 16, the last one
//     with kLast
//   chunk 1 ...
//
// The weights of an entry are two s8, one of them 0. The weights of a segment add up to no more than 128 in
// absolute value, so that its sum fits an int16. A column may have several segments in a chunk, or none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_maddubs/saturating_pairs.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

constexpr unsigned kExcessRows = 64;
constexpr std::uint32_t kHead = 0x4000, kLast = 0x8000, kIndex = 0xFF;
static_assert(kExcessColumns <= kIndex + 1 && 2 * kExcessSteps <= kIndex + 1);

/// Writes a list.
class ListWriter {
 public:
  explicit ListWriter(std::uint32_t* out) : out_(out) {}

  void begin_chunk() {
    chunk_ = words_;
    push(0);
  }
  void end_chunk() { out_[chunk_] = words_ - chunk_ - 1; }
  void begin_column() { room_ = 0; }
  void put(std::uint32_t column, std::uint32_t pair, bool second, std::int32_t excess) {
    if (absolute(excess) > room_) {
      push(kHead | column);
      room_ = kPairLimit;
    } else {
      out_[words_ - 1] &= ~kLast;
    }
    room_ -= absolute(excess);
    const std::uint32_t weights = static_cast<std::uint8_t>(excess);
    push(pair | kLast | weights << (second ? 24 : 16));
  }

 private:
  void push(std::uint32_t word) { out_[words_++] = word; }

  std::uint32_t* out_;
  std::uint32_t words_ = 0, chunk_ = 0;
  std::int32_t room_ = 0;
};

/// Sums of a strip of rows, column by column: [column][row].
struct ExcessSums {
  alignas(64) std::int32_t sums[kExcessColumns][kExcessRows];
};

/// Of rows [0, rows), a multiple of 8.
inline void clear_sums(unsigned rows, ExcessSums& out) {
  if (rows == kExcessRows) {
    __builtin_memset(out.sums, 0, sizeof out.sums);
    return;
  }
  for (auto& column : out.sums)
    for (unsigned i = 0; i < rows; i += kLanes) store_i(column + i, broadcast_i(0));
}

/// 16 rows of a chunk, piece behind piece as in the panel.
struct ExcessRows {
  static constexpr unsigned kCodes = 4 * kExcessSteps;
  alignas(64) std::uint8_t codes[16][kCodes];
};

/// The same by pairs of codes: [pair][16 rows of each block][2].
struct ExcessPairs {
  alignas(64) std::uint8_t codes[2 * kExcessSteps][kExcessRows * 2];
};

inline void copy_codes(const std::uint8_t* in, std::uint32_t bytes, std::uint8_t* out) {
  std::uint32_t t = 0;
  for (; t + 32 <= bytes; t += 32) store_bytes(out + t, load_bytes(in + t));
  for (; t < bytes; t += 4) __builtin_memcpy(out + t, in + t, 4);
}

inline void gather_row(const TileArgs& args, const Chunk& chunk, unsigned row, std::uint8_t* out) {
  for (unsigned p = 0; p < chunk.count; ++p) {
    const Piece& piece = chunk.pieces[p];
    const std::uint32_t bytes = round_to(piece.codes, kStepCodes);
    copy_codes(
        args.a + args.a_offset[piece.run->tap * args.a_offset_stride + row] + piece.run->offset + piece.first,
        bytes, out);
    out += bytes;
  }
}

/// 8 x 8 words in each half: r[i] holds words of row i; afterwards r[i] holds word i of all rows.
inline void transpose_words(__m256i (&r)[8]) {
  __m256i a[8], b[8];
  for (unsigned i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_epi16(r[2 * i], r[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_epi16(r[2 * i], r[2 * i + 1]);
  }
  for (unsigned i = 0; i < 2; ++i)
    for (unsigned h = 0; h < 2; ++h) {
      b[4 * i + 2 * h] = _mm256_unpacklo_epi32(a[4 * i + h], a[4 * i + 2 + h]);
      b[4 * i + 2 * h + 1] = _mm256_unpackhi_epi32(a[4 * i + h], a[4 * i + 2 + h]);
    }
  for (unsigned i = 0; i < 4; ++i) {
    r[2 * i] = _mm256_unpacklo_epi64(b[i], b[4 + i]);
    r[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[4 + i]);
  }
}

/// `block`: 16 rows of the pairs.
inline void transpose_pairs(const ExcessRows& rows, std::uint32_t steps, unsigned block, ExcessPairs& pairs) {
  for (std::uint32_t t = 0; t < 4 * steps; t += 16) {
    __m256i r[8];
    for (unsigned i = 0; i < 8; ++i)
      r[i] = _mm256_inserti128_si256(
          _mm256_castsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(rows.codes[i] + t))),
          _mm_load_si128(reinterpret_cast<const __m128i*>(rows.codes[i + 8] + t)), 1);
    transpose_words(r);
    for (unsigned i = 0; i < 8; ++i) store_bytes(pairs.codes[t / 2 + i] + block * 32, r[i]);
  }
}

/// Adds one chunk of the list, for kBlocks blocks of 16 rows; returns the list's next chunk.
template <unsigned kBlocks>
const std::uint32_t* add_excess(const ExcessPairs& pairs, const std::uint32_t* list, ExcessSums& out) {
  const std::uint32_t* end = list + 1 + *list;
  for (++list; list != end;) {
    const std::uint32_t head = *list++;
    VecI words[kBlocks];
    for (unsigned b = 0; b < kBlocks; ++b) words[b] = broadcast_i(0);
    std::uint32_t entry;
    do {
      entry = *list++;
      const VecI w = broadcast_word(static_cast<std::int16_t>(entry >> 16));
      const std::uint8_t* codes = pairs.codes[entry & kIndex];
#pragma GCC unroll 4
      for (unsigned b = 0; b < kBlocks; ++b)
        words[b] = add_words(words[b], mul_pairs(load_bytes(codes + b * 32), w));
    } while ((entry & kLast) == 0);
    std::int32_t* sums = out.sums[head & kIndex];
#pragma GCC unroll 4
    for (unsigned b = 0; b < kBlocks; ++b, sums += 16) {
      store_i(sums, add_i(load_i(sums), _mm256_cvtepi16_epi32(_mm256_castsi256_si128(words[b]))));
      store_i(sums + 8,
              add_i(load_i(sums + 8), _mm256_cvtepi16_epi32(_mm256_extracti128_si256(words[b], 1))));
    }
  }
  return list;
}

/// The whole list times rows [first_row, first_row + rows) of the tile, at most kExcessRows.
inline void excess_sums(const TileArgs& args, const std::uint32_t* list, unsigned first_row, unsigned rows,
                        ExcessSums& out) {
  const unsigned blocks = (rows + 15) / 16;
  clear_sums(blocks <= 2 ? 16 * blocks : kExcessRows, out);
  ExcessRows gathered;
  ExcessPairs pairs;
  ChunkCutter cutter(args, kExcessSteps, 1);
  for (Chunk chunk; !cutter.done();) {
    cutter.next(chunk);
    for (unsigned b = 0; b < blocks; ++b) {
      const unsigned in_block = rows - 16 * b < 16 ? rows - 16 * b : 16;
      for (unsigned i = 0; i < in_block; ++i)
        gather_row(args, chunk, first_row + 16 * b + i, gathered.codes[i]);
      transpose_pairs(gathered, chunk.steps, b, pairs);
    }
    if (blocks == 1) {
      list = add_excess<1>(pairs, list, out);
    } else if (blocks == 2) {
      list = add_excess<2>(pairs, list, out);
    } else {
      list = add_excess<4>(pairs, list, out);
    }
  }
}

/// 8 x 8 dwords of the sums from column c and row i on, as rows at `out`.
inline void copy_transposed(const ExcessSums& in, unsigned c, unsigned i, std::int32_t* out,
                            std::size_t stride) {
  VecI r[kLanes];
  for (unsigned t = 0; t < 8; ++t) r[t] = load_i(in.sums[c + t] + i);
  transpose_lanes(r);
  for (unsigned t = 0; t < 8; ++t) store_i(out + t * stride, r[t]);
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
