// SPDX-License-Identifier: Apache-2.0
// Four vectors of eight states. All that a state needs comes from one gather; the words that the states of a
// vector take in lie one after the other, and a permutation chosen by the mask of those states hands them
// out (Giesen, "Interleaved entropy coders", 2014).
#include <immintrin.h>

#include <cstdint>

#include "kernels/coding/rans_kernel.h"
#include "kernels/coding/rans_scalar.inl"

namespace lowbit::kernels {
namespace {

/// For each mask of eight lanes, which of the next words each lane gets: their numbers in four bits each.
struct WordOfLane {
  std::uint32_t nibbles[256];
  constexpr WordOfLane() : nibbles() {
    for (std::uint32_t mask = 0; mask < 256; ++mask) {
      std::uint32_t next = 0, packed = 0;
      for (std::uint32_t lane = 0; lane < 8; ++lane)
        if (mask >> lane & 1) packed |= next++ << 4 * lane;
      nibbles[mask] = packed;
    }
  }
};
constexpr WordOfLane kWordOfLane;

inline __m256i low_bits() {
  return _mm256_set1_epi32(4095);
}

inline __m256i entries(const RansDecode& d, __m256i x) {
  return _mm256_i32gather_epi32(reinterpret_cast<const int*>(d.table), _mm256_and_si256(x, low_bits()), 4);
}

/// States without the symbols of these entries, before they take in words.
inline __m256i without(__m256i x, __m256i entry) {
  const __m256i frequency =
      _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(entry, 12), low_bits()), _mm256_set1_epi32(1));
  return _mm256_add_epi32(_mm256_mullo_epi32(_mm256_srli_epi32(x, kRansBits), frequency),
                          _mm256_and_si256(entry, low_bits()));
}

/// Those below kRansLow take in a word each, and `words` goes on.
inline __m256i with_words(__m256i x, const std::uint16_t*& words) {
  const __m256i small = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), _mm256_setzero_si256());
  const auto mask = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(small)));
  const __m256i next = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words)));
  // Of an index that a permutation gets, the lowest three bits count.
  const __m256i order = _mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(kWordOfLane.nibbles[mask])),
                                          _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
  const __m256i taken = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_permutevar8x32_epi32(next, order));
  words += _mm_popcnt_u32(mask);
  return _mm256_blendv_epi8(x, taken, small);
}

/// Symbols from the top bytes of entries, in order. Packing works on halves of registers: lanes come out as
/// 0, 8, 16, 24, 4, 12, ... in fours.
inline __m256i symbols_of(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i packed =
      _mm256_packus_epi16(_mm256_packus_epi32(_mm256_srli_epi32(a, 24), _mm256_srli_epi32(b, 24)),
                          _mm256_packus_epi32(_mm256_srli_epi32(c, 24), _mm256_srli_epi32(d, 24)));
  return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

std::int64_t decode(const RansDecode& d) {
  if (d.streams != kRansLanes) return decode_from(d, 0, 0);
  auto* states = reinterpret_cast<__m256i*>(d.states);
  __m256i x0 = _mm256_loadu_si256(states), x1 = _mm256_loadu_si256(states + 1),
          x2 = _mm256_loadu_si256(states + 2), x3 = _mm256_loadu_si256(states + 3);
  const auto turn = [&](const std::uint16_t*& words, std::uint8_t* out) LOWBIT_ALWAYS_INLINE {
    const __m256i e0 = entries(d, x0), e1 = entries(d, x1), e2 = entries(d, x2), e3 = entries(d, x3);
    // Written out: an array of states would live in memory.
    x0 = without(x0, e0), x1 = without(x1, e1), x2 = without(x2, e2), x3 = without(x3, e3);
    x0 = with_words(x0, words), x1 = with_words(x1, words);
    x2 = with_words(x2, words), x3 = with_words(x3, words);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), symbols_of(e0, e1, e2, e3));
  };
  const RansPlace rest = decode_turns(d, turn);
  _mm256_storeu_si256(states, x0), _mm256_storeu_si256(states + 1, x1);
  _mm256_storeu_si256(states + 2, x2), _mm256_storeu_si256(states + 3, x3);
  return decode_from(d, rest.symbol, rest.word);
}

}  // namespace

const RansKernel kRansAvx2{"rans/avx2", Isa::avx2, decode};

}  // namespace lowbit::kernels
