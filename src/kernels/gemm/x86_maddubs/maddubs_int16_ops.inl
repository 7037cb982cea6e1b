// SPDX-License-Identifier: Apache-2.0
// Products of bytes in 16-bit lanes, for the maddubs_*.inl files on AVX2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_int8_ops_ymm.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

/// u8 of `u` times s8 of `s`, neighbours added; saturates.
inline VecI mul_pairs(VecI u, VecI s) {
  return _mm256_maddubs_epi16(u, s);
}
inline VecI add_words(VecI a, VecI b) {
  VecI sum = _mm256_add_epi16(a, b);
  keep_in_register(sum);
  return sum;
}
/// factor * (sum of the two words of a lane), as int32.
inline VecI sum_words(VecI words, VecI factors) {
  return _mm256_madd_epi16(words, factors);
}
/// (byte + 1) / 2, rounded down.
inline VecI halve_up(VecI bytes) {
  return _mm256_avg_epu8(bytes, _mm256_setzero_si256());
}
inline std::int32_t sum_lanes(VecI v) {
  const __m128i half = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  const __m128i pair = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(pair, _mm_shuffle_epi32(pair, 0xB1)));
}
inline VecI broadcast_word(std::int16_t v) {
  return _mm256_set1_epi16(v);
}

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
