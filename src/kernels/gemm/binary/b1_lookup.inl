// SPDX-License-Identifier: Apache-2.0
// Counting mismatches with AVX2 by table lookup: a nibble of a column is the index, and the table belongs to
// a nibble of two rows of A at once. An entry holds the mismatches with the first row in its low half and
// those with the second in its high half, so that one vpshufb compares 4 codes of 2 rows with 32 columns.
// Three entries are added before the halves are parted: 3 * 4 < 16.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/binary/b1_gather.inl"

namespace lowbit::kernels::binary {
namespace {

/// bytes[a][w]: mismatches of w with the low nibble of a, and 16 times those with its high nibble. Behind
/// them, bytes[256 + a][w]: mismatches with a alone, for a row without a partner.
struct PairTables {
  alignas(64) std::uint8_t bytes[256 + 16][16];

  constexpr PairTables() : bytes() {
    constexpr std::uint8_t kOnes[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    for (unsigned a = 0; a < 256; ++a)
      for (unsigned w = 0; w < 16; ++w)
        bytes[a][w] = static_cast<std::uint8_t>(kOnes[(a & 15) ^ w] + 16 * kOnes[(a >> 4) ^ w]);
    for (unsigned a = 0; a < 16; ++a)
      for (unsigned w = 0; w < 16; ++w) bytes[256 + a][w] = kOnes[a ^ w];
  }
};
constexpr PairTables kPairTables;

// A byte of a sum grows by at most 12 with three nibbles: 20 times.
constexpr std::uint32_t kSegmentWords = 30;

/// For each pair of rows, the offset in kPairTables of each nibble.
struct Prepared {
  alignas(64) std::uint16_t offsets[kTileRows / 2][kChunkWords * 2 + 64];
};

inline void store_offsets(__m128i even, __m128i odd, std::int16_t table, std::uint16_t* to) {
  const __m256i first = _mm256_set1_epi16(table);
  const __m256i a = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(even, odd)),
                b = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(even, odd));
  _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_slli_epi16(_mm256_add_epi16(a, first), 4));
  _mm256_store_si256(reinterpret_cast<__m256i*>(to + 16), _mm256_slli_epi16(_mm256_add_epi16(b, first), 4));
}

inline void prepare(const TileArgs& args, std::uint32_t i0, std::uint32_t rows, std::uint32_t first,
                    std::uint32_t words, Prepared& out) {
  alignas(64) std::uint8_t pair[2][kChunkWords + 64];
  const __m128i low = _mm_set1_epi8(15);
  for (std::uint32_t i = 0; i < rows; i += 2) {
    const bool alone = i + 1 == rows;
    gather_row(args, i0 + i, first, words, pair[0]);
    if (!alone) gather_row(args, i0 + i + 1, first, words, pair[1]);
    for (std::uint32_t w = 0; w < words; w += 16) {
      const __m128i a = _mm_load_si128(reinterpret_cast<const __m128i*>(pair[0] + w));
      __m128i b = _mm_load_si128(reinterpret_cast<const __m128i*>(pair[1] + w));
      if (alone) b = _mm_setzero_si128();
      const __m128i even = _mm_or_si128(_mm_and_si128(a, low), _mm_slli_epi16(_mm_and_si128(b, low), 4));
      const __m128i odd = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(a, 4), low), _mm_andnot_si128(low, b));
      store_offsets(even, odd, alone ? 256 : 0, out.offsets[i / 2] + 2 * w);
    }
  }
}

inline __m256i load_bytes(const void* p) {
  return _mm256_load_si256(static_cast<const __m256i*>(p));
}
inline void store_bytes(void* p, __m256i v) {
  _mm256_store_si256(static_cast<__m256i*>(p), v);
}

/// Parts the nibbles of `words` words of 64 columns: 64 bytes for each.
inline void part_nibbles(const std::uint8_t* w, std::uint32_t words, std::uint8_t* out) {
  const __m256i low = _mm256_set1_epi8(15);
  for (std::uint32_t t = 0; t < words; ++t, w += 64, out += 128) {
    const __m256i x = load_bytes(w), y = load_bytes(w + 32);
    store_bytes(out, _mm256_and_si256(x, low));
    store_bytes(out + 32, _mm256_and_si256(y, low));
    store_bytes(out + 64, _mm256_and_si256(_mm256_srli_epi16(x, 4), low));
    store_bytes(out + 96, _mm256_and_si256(_mm256_srli_epi16(y, 4), low));
  }
}

/// Mismatches of a row with 64 columns in 16 bits: the even bytes of both vectors, then the odd ones.
struct RowCounts {
  alignas(64) std::uint16_t even[2][16], odd[2][16];
};

inline void add_counts(__m256i bytes, unsigned v, RowCounts& c) {
  store_bytes(c.even[v],
              _mm256_add_epi16(load_bytes(c.even[v]), _mm256_and_si256(bytes, _mm256_set1_epi16(0xFF))));
  store_bytes(c.odd[v], _mm256_add_epi16(load_bytes(c.odd[v]), _mm256_srli_epi16(bytes, 8)));
}

inline LOWBIT_ALWAYS_INLINE __m256i table_at(std::uint16_t offset) {
  const auto* table = reinterpret_cast<const __m128i*>(&kPairTables.bytes[0][0] + offset);
  return _mm256_broadcastsi128_si256(_mm_load_si128(table));
}

/// Adds three nibbles of 32 columns to the sums of two rows.
inline LOWBIT_ALWAYS_INLINE void add_nibbles(const std::uint16_t* offsets, const std::uint8_t* w,
                                             __m256i& first, __m256i& second) {
  const __m256i low = _mm256_set1_epi8(15);
  __m256i sum = _mm256_add_epi8(_mm256_shuffle_epi8(table_at(offsets[0]), load_bytes(w)),
                                _mm256_shuffle_epi8(table_at(offsets[1]), load_bytes(w + 64)));
  sum = _mm256_add_epi8(sum, _mm256_shuffle_epi8(table_at(offsets[2]), load_bytes(w + 128)));
  first = _mm256_add_epi8(first, _mm256_and_si256(sum, low));
  second = _mm256_add_epi8(second, _mm256_and_si256(_mm256_srli_epi16(sum, 4), low));
}

/// Adds the mismatches of a pair of rows over `words` words, a multiple of 3, of parted nibbles.
inline void count_pair(const std::uint16_t* offsets, const std::uint8_t* w, std::uint32_t words,
                       RowCounts* rows) {
  __m256i first[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()}, second[2] = {first[0], first[0]};
  for (std::uint32_t t = 0; t < words; t += 3, w += 6 * 64, offsets += 6)
#pragma GCC unroll 2
    for (unsigned half = 0; half < 2; ++half)
#pragma GCC unroll 2
      for (unsigned v = 0; v < 2; ++v)
        add_nibbles(offsets + 3 * half, w + 192 * half + 32 * v, first[v], second[v]);
#pragma GCC unroll 2
  for (unsigned v = 0; v < 2; ++v) {
    add_counts(first[v], v, rows[0]);
    add_counts(second[v], v, rows[1]);
  }
}

/// The same for a row alone and words as the panel has them.
inline void count_single(const std::uint16_t* offsets, const std::uint8_t* w, std::uint32_t words,
                         RowCounts& row) {
  const __m256i low = _mm256_set1_epi8(15);
  __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (std::uint32_t t = 0; t < words; ++t, w += 64, offsets += 2) {
    const __m256i even = table_at(offsets[0]), odd = table_at(offsets[1]);
#pragma GCC unroll 2
    for (unsigned v = 0; v < 2; ++v) {
      const __m256i x = load_bytes(w + 32 * v);
      sum[v] = _mm256_add_epi8(sum[v], _mm256_shuffle_epi8(even, _mm256_and_si256(x, low)));
      sum[v] =
          _mm256_add_epi8(sum[v], _mm256_shuffle_epi8(odd, _mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
    }
  }
  add_counts(sum[0], 0, row);
  add_counts(sum[1], 1, row);
}

/// acc -= 2 * count for 64 columns.
inline void subtract_counts(const RowCounts& c, std::int32_t* acc) {
  const __m256i low = _mm256_set1_epi32(0xFFFF);
#pragma GCC unroll 2
  for (unsigned v = 0; v < 2; ++v) {
    const __m256i even = load_bytes(c.even[v]), odd = load_bytes(c.odd[v]);
    const __m256i counts[4] = {_mm256_and_si256(even, low), _mm256_and_si256(odd, low),
                               _mm256_srli_epi32(even, 16), _mm256_srli_epi32(odd, 16)};
#pragma GCC unroll 4
    for (unsigned q = 0; q < 4; ++q) {
      std::int32_t* p = acc + 16 * q + 8 * v;
      store_i(p, _mm256_sub_epi32(load_i(p), _mm256_slli_epi32(counts[q], 1)));
    }
  }
}

inline void subtract_mismatches(const Prepared& a, std::uint32_t rows, const std::uint8_t* w,
                                std::uint32_t words, std::int32_t* acc) {
  RowCounts counts[kTileRows];
  for (std::uint32_t i = 0; i < rows; ++i) counts[i] = {};
  alignas(64) std::uint8_t nibbles[kSegmentWords * 128];
  for (std::uint32_t t = 0; t < words; t += kSegmentWords) {
    const std::uint32_t left = words - t, count = left < kSegmentWords ? left : kSegmentWords;
    const std::uint8_t* segment = w + std::size_t{t} * 64;
    if (rows > 1) part_nibbles(segment, count, nibbles);
    for (std::uint32_t i = 0; i + 2 <= rows; i += 2)
      count_pair(a.offsets[i / 2] + 2 * t, nibbles, count, counts + i);
    if (rows % 2 != 0) count_single(a.offsets[rows / 2] + 2 * t, segment, count, counts[rows - 1]);
  }
  for (std::uint32_t i = 0; i < rows; ++i) subtract_counts(counts[i], acc + 64 * i);
}

}  // namespace
}  // namespace lowbit::kernels::binary
