// SPDX-License-Identifier: Apache-2.0
// Codes for AVX-512: the words and bytes of elementwise.inl, beside the lanes of vec_avx512.inl.
// codes_avx2.inl says what each name means.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/invalid_flag_x86.inl"
#include "kernels/simd/vec_avx512.inl"

namespace lowbit::kernels {
namespace {

/// Elements that make a full vector of codes.
constexpr unsigned kBlock = 4 * kLanes;
using VecW = __m512i;  // 2 * kLanes int16
using VecB = __m512i;  // kBlock codes

inline VecB load_b(const std::uint8_t* p) {
  return _mm512_loadu_si512(p);
}
inline void store_b(std::uint8_t* p, VecB v) {
  _mm512_storeu_si512(p, v);
}
inline VecW broadcast_w(std::int32_t v) {
  return _mm512_set1_epi16(static_cast<std::int16_t>(v));
}
inline VecB broadcast_b(std::int32_t v) {
  return _mm512_set1_epi8(static_cast<std::int8_t>(v));
}

/// Packing saturates. Elements lie in the instruction's own order, which is the same for all words and
/// bytes, until in_order.
inline VecW pack_words(VecI a, VecI b) {
  return _mm512_packs_epi32(a, b);
}
inline VecB pack_u8(VecW a, VecW b) {
  return _mm512_packus_epi16(a, b);
}
inline VecB pack_s8(VecW a, VecW b) {
  return _mm512_packs_epi16(a, b);
}
/// Four vectors packed twice: dword v of 128-bit lane l belongs at 4 * v + l.
inline VecB in_order(VecB v) {
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
}

/// Saturating.
inline VecW add_words_saturating(VecW a, VecW b) {
  return _mm512_adds_epi16(a, b);
}
inline VecB clamp_u8(VecB v, VecB lo, VecB hi) {
  return _mm512_min_epu8(_mm512_max_epu8(v, lo), hi);
}
inline VecB clamp_s8(VecB v, VecB lo, VecB hi) {
  return _mm512_min_epi8(_mm512_max_epi8(v, lo), hi);
}
inline VecB xor_b(VecB a, VecB b) {
  return _mm512_xor_si512(a, b);
}
inline VecB and_b(VecB a, VecB b) {
  return _mm512_and_si512(a, b);
}
struct ByteTable {
  VecB rows[16];
};
inline ByteTable load_table(const std::uint8_t* p) {
  ByteTable t;
  for (int r = 0; r < 16; ++r)
    t.rows[r] = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * r)));
  return t;
}
inline VecB look_up(const ByteTable& t, VecB x) {
  const VecB low = _mm512_and_si512(x, _mm512_set1_epi8(15));
  const __mmask64 bits[4] = {_mm512_test_epi8_mask(x, _mm512_set1_epi8(16)),
                             _mm512_test_epi8_mask(x, _mm512_set1_epi8(32)),
                             _mm512_test_epi8_mask(x, _mm512_set1_epi8(64)), _mm512_movepi8_mask(x)};
  VecB found[8];
  // The odd rows replace bytes of the even ones in the shuffle itself.
  for (int r = 0; r < 8; ++r)
    found[r] =
        _mm512_mask_shuffle_epi8(_mm512_shuffle_epi8(t.rows[2 * r], low), bits[0], t.rows[2 * r + 1], low);
  for (int r = 0; r < 4; ++r) found[r] = _mm512_mask_blend_epi8(bits[1], found[2 * r], found[2 * r + 1]);
  for (int r = 0; r < 2; ++r) found[r] = _mm512_mask_blend_epi8(bits[2], found[2 * r], found[2 * r + 1]);
  return _mm512_mask_blend_epi8(bits[3], found[0], found[1]);
}
/// Adds u8 codes to the lanes of `sum`, in any arrangement.
inline VecI accumulate_u8(VecI sum, VecB codes) {
  return _mm512_add_epi32(sum, _mm512_sad_epu8(codes, _mm512_setzero_si512()));
}

inline VecI load_codes_u8(const std::uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline VecI load_codes_s8(const std::uint8_t* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

/// acc + x * 0: NaN from the first infinity or NaN on.
inline VecF poison(VecF acc, VecF x) {
  return _mm512_fmadd_ps(x, _mm512_setzero_ps(), acc);
}

/// Of lanes that are no NaN.
inline float smallest_lane(VecF v) {
  return _mm512_reduce_min_ps(v);
}
inline float largest_lane(VecF v) {
  return _mm512_reduce_max_ps(v);
}

/// 2 * kBlock codes to 4 bits each.
inline VecB pack_nibbles(const std::uint8_t* p) {
  const VecB mask = _mm512_set1_epi8(15), pair = _mm512_set1_epi16(0x1001);
  const VecW a = _mm512_maddubs_epi16(_mm512_and_si512(load_b(p), mask), pair);
  const VecW b = _mm512_maddubs_epi16(_mm512_and_si512(load_b(p + kBlock), mask), pair);
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), _mm512_packus_epi16(a, b));
}
/// 4 codes of 2 bits in each dword, one a byte, gathered in its low byte.
inline VecI join_crumbs(VecB codes) {
  const VecB c = _mm512_and_si512(codes, _mm512_set1_epi8(3));
  return _mm512_madd_epi16(_mm512_maddubs_epi16(c, _mm512_set1_epi16(0x0401)), _mm512_set1_epi32(0x100001));
}
/// 4 * kBlock codes to 2 bits each.
inline VecB pack_crumbs(const std::uint8_t* p) {
  const VecW a = pack_words(join_crumbs(load_b(p)), join_crumbs(load_b(p + kBlock)));
  const VecW b = pack_words(join_crumbs(load_b(p + 2 * kBlock)), join_crumbs(load_b(p + 3 * kBlock)));
  return in_order(pack_u8(a, b));
}
/// kBlock codes from kBlock / 2 bytes.
inline VecB unpack_nibbles(const std::uint8_t* p) {
  const VecW w = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return _mm512_and_si512(_mm512_or_si512(w, _mm512_slli_epi16(w, 4)), _mm512_set1_epi8(15));
}
/// kBlock codes from kBlock / 4 bytes. The shifts leave other bits around the two of each code.
inline VecB unpack_crumbs(const std::uint8_t* p) {
  const VecI d = load_codes_u8(p);
  const VecI pairs = _mm512_or_si512(d, _mm512_slli_epi32(d, 12));
  return _mm512_and_si512(_mm512_or_si512(pairs, _mm512_slli_epi32(pairs, 6)), _mm512_set1_epi8(3));
}

}  // namespace
}  // namespace lowbit::kernels
