// SPDX-License-Identifier: Apache-2.0
// Counting mismatches with AVX-512 and carry-save adders (Harley and Seal): 16 vectors of mismatching bits
// are added bit by bit into counters of weight 1, 2, 4 and 8, and only the carries of weight 16 are counted
// by a population count. vpternlogd is half of a full adder.
//
// The first level takes the exclusive or with the activations along. For two words x0 = a0 ^ w0 and
// x1 = a1 ^ w1 and the counter c,
//   sum   = c ^ x0 ^ x1 = c ^ (w0 ^ w1) ^ (a0 ^ a1)         one instruction, if w0 ^ w1 and a0 ^ a1 are
//   stored carry = x0 where sum == c, else c                        two instructions, x1 is not needed
// Hence the pairs of words in panels and in prepared rows.
//
// The kernel file has defined popcount_bytes(__m512i).
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/binary/b1_gather.inl"
#include "kernels/simd/keep_pointer.inl"

namespace lowbit::kernels::binary {
namespace {

/// kTileRows rows: each byte of K four times, so that a 32-bit broadcast fills the byte lanes.
constexpr std::uint32_t kPreparedWords = kChunkWords + 16;
struct Prepared {
  alignas(64) std::uint32_t words[kTileRows][kPreparedWords];
};

inline void prepare(const TileArgs& args, std::uint32_t i0, std::uint32_t rows, std::uint32_t first,
                    std::uint32_t words, Prepared& out) {
  // From 16 bytes in each 128-bit lane, dword 2i gets byte 2i and dword 2i + 1 that and byte 2i + 1.
  const __m512i lane = _mm512_set_epi32(14, 14, 12, 12, 10, 10, 8, 8, 6, 6, 4, 4, 2, 2, 0, 0);
  const __m512i ones = _mm512_set1_epi32(0x01010101), even = _mm512_mullo_epi32(lane, ones);
  const __m512i odd = _mm512_mask_blend_epi32(0xAAAA, _mm512_set1_epi8(-1), _mm512_add_epi32(even, ones));
  alignas(64) std::uint8_t row[kChunkWords + 64];
  for (std::uint32_t i = 0; i < rows; ++i) {
    gather_row(args, i0 + i, first, words, row);
    for (std::uint32_t w = 0; w < words; w += 16) {
      const __m512i bytes = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(row + w)));
      const __m512i both =
          _mm512_xor_si512(_mm512_shuffle_epi8(bytes, even), _mm512_shuffle_epi8(bytes, odd));
      _mm512_store_si512(out.words[i] + w, both);
    }
  }
}

struct Counters {
  __m512i ones, twos, fours, eights, bytes;  // bytes: counts of carries of weight 16
};

inline LOWBIT_ALWAYS_INLINE __m512i broadcast_word(const std::uint32_t* p) {
  return _mm512_set1_epi32(static_cast<std::int32_t>(*p));
}

/// x + y + counter: returns the carry, which is x where the sum equals the counter (then x and y are equal),
/// else the counter. vpternlogd overwrites its first operand; this order needs no copy of a register, and
/// copies of 512 bits are not free on every processor.
inline LOWBIT_ALWAYS_INLINE __m512i carry_of(__m512i x, __m512i sum, __m512i& counter) {
  const __m512i carry = _mm512_ternarylogic_epi32(x, sum, counter, 0xB2);
  counter = sum;
  return carry;
}

inline LOWBIT_ALWAYS_INLINE __m512i full_add(__m512i x, __m512i y, __m512i& counter) {
  return carry_of(x, _mm512_ternarylogic_epi32(y, x, counter, 0x96), counter);
}

/// Adds two words to `ones`; returns the carry.
inline LOWBIT_ALWAYS_INLINE __m512i add_pair(const std::uint8_t* w, const std::uint32_t* a, __m512i& ones) {
  const __m512i both = _mm512_load_si512(w + 64),
                x0 = _mm512_xor_si512(_mm512_load_si512(w), broadcast_word(a));
  return carry_of(x0, _mm512_ternarylogic_epi32(both, ones, broadcast_word(a + 1), 0x96), ones);
}

/// Adds 2^kLevel words; returns the carry of that weight.
template <unsigned kLevel>
inline LOWBIT_ALWAYS_INLINE __m512i add_to_counters(const std::uint8_t* w, const std::uint32_t* a,
                                                    Counters& c) {
  if constexpr (kLevel == 1) {
    return add_pair(w, a, c.ones);
  } else {
    constexpr unsigned kHalf = 1u << (kLevel - 1);
    const __m512i x = add_to_counters<kLevel - 1>(w, a, c),
                  y = add_to_counters<kLevel - 1>(w + 64 * kHalf, a + kHalf, c);
    __m512i& counter = kLevel == 2 ? c.twos : kLevel == 3 ? c.fours : c.eights;
    return full_add(x, y, counter);
  }
}

/// acc -= 2 * count for 64 columns.
inline LOWBIT_ALWAYS_INLINE void subtract_counts(const Counters& c, std::int32_t* acc) {
  const auto twice = [&](__m512i v) { return _mm512_add_epi8(v, v); };
  __m512i low = popcount_bytes(c.eights);
  low = _mm512_add_epi8(twice(low), popcount_bytes(c.fours));
  low = _mm512_add_epi8(twice(low), popcount_bytes(c.twos));
  low = twice(_mm512_add_epi8(twice(low), popcount_bytes(c.ones)));  // at most 2 * 15 * 8
  const __m512i even_bytes = _mm512_set1_epi16(0xFF), low_words = _mm512_set1_epi32(0xFFFF);
  const __m512i even = _mm512_add_epi16(_mm512_and_si512(low, even_bytes),
                                        _mm512_slli_epi16(_mm512_and_si512(c.bytes, even_bytes), 5));
  const __m512i odd =
      _mm512_add_epi16(_mm512_srli_epi16(low, 8), _mm512_slli_epi16(_mm512_srli_epi16(c.bytes, 8), 5));
  const __m512i counts[4] = {_mm512_and_si512(even, low_words), _mm512_and_si512(odd, low_words),
                             _mm512_srli_epi32(even, 16), _mm512_srli_epi32(odd, 16)};
  for (unsigned q = 0; q < 4; ++q) store_i(acc + 16 * q, _mm512_sub_epi32(load_i(acc + 16 * q), counts[q]));
}

// A byte of Counters::bytes grows by at most 8 with every 16 words.
constexpr std::uint32_t kCountWords = 30 * 16;

/// Rows take turns with the same 16 words of the panel. The compiler must not see that these are the same:
/// kept in registers they would have to be copied before an instruction overwrites them.
inline LOWBIT_ALWAYS_INLINE const std::uint8_t* reload(const std::uint8_t* w) {
  keep_one_pointer(w);
  return w;
}

template <std::uint32_t kRows>
LOWBIT_NOINLINE void count_rows(const std::uint32_t* row, const std::uint8_t* w, std::uint32_t words,
                                std::int32_t* acc) {
  while (words > 0) {
    const std::uint32_t count = words < kCountWords ? words : kCountWords;
    Counters c[kRows] = {};
    std::uint32_t t = 0;
    for (; t + 16 <= count; t += 16, w += 16 * 64, row += 16)
#pragma GCC unroll 4
      for (std::uint32_t i = 0; i < kRows; ++i) {
        const __m512i carry = add_to_counters<4>(reload(w), row + i * kPreparedWords, c[i]);
        c[i].bytes = _mm512_add_epi8(c[i].bytes, popcount_bytes(carry));
      }
    if (t < count) {
#pragma GCC unroll 4
      for (std::uint32_t i = 0; i < kRows; ++i) {
        const __m512i eight = add_to_counters<3>(reload(w), row + i * kPreparedWords, c[i]);
        c[i].bytes = _mm512_add_epi8(c[i].bytes, popcount_bytes(_mm512_and_si512(c[i].eights, eight)));
        c[i].eights = _mm512_xor_si512(c[i].eights, eight);
      }
      w += 8 * 64;
      row += 8;
    }
#pragma GCC unroll 4
    for (std::uint32_t i = 0; i < kRows; ++i) subtract_counts(c[i], acc + 64 * i);
    words -= count;
  }
}

inline void subtract_mismatches(const Prepared& a, std::uint32_t rows, const std::uint8_t* w,
                                std::uint32_t words, std::int32_t* acc) {
  std::uint32_t i = 0;
  for (; i + 2 <= rows; i += 2) count_rows<2>(a.words[i], w, words, acc + 64 * i);
  if (i < rows) count_rows<1>(a.words[i], w, words, acc + 64 * i);
}

}  // namespace
}  // namespace lowbit::kernels::binary
