// SPDX-License-Identifier: Apache-2.0
// Codes for AVX2: the words and bytes of elementwise.inl, beside the lanes of vec_avx2.inl. codes_avx512.inl
// and codes_neon.inl have the same names.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/invalid_flag_x86.inl"
#include "kernels/simd/vec_avx2.inl"

namespace lowbit::kernels {
namespace {

/// Elements that make a full vector of codes.
constexpr unsigned kBlock = 4 * kLanes;
using VecW = __m256i;  // 2 * kLanes int16
using VecB = __m256i;  // kBlock codes

inline VecB load_b(const std::uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store_b(std::uint8_t* p, VecB v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
}
inline VecW broadcast_w(std::int32_t v) {
  return _mm256_set1_epi16(static_cast<std::int16_t>(v));
}
inline VecB broadcast_b(std::int32_t v) {
  return _mm256_set1_epi8(static_cast<std::int8_t>(v));
}

/// Packing saturates. Elements lie in the instruction's own order, which is the same for all words and
/// bytes, until in_order.
inline VecW pack_words(VecI a, VecI b) {
  return _mm256_packs_epi32(a, b);
}
inline VecB pack_u8(VecW a, VecW b) {
  return _mm256_packus_epi16(a, b);
}
inline VecB pack_s8(VecW a, VecW b) {
  return _mm256_packs_epi16(a, b);
}
/// Four vectors packed twice: dword v of 128-bit lane l belongs at 2 * v + l.
inline VecB in_order(VecB v) {
  return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/// Saturating.
inline VecW add_words_saturating(VecW a, VecW b) {
  return _mm256_adds_epi16(a, b);
}
inline VecB clamp_u8(VecB v, VecB lo, VecB hi) {
  return _mm256_min_epu8(_mm256_max_epu8(v, lo), hi);
}
inline VecB clamp_s8(VecB v, VecB lo, VecB hi) {
  return _mm256_min_epi8(_mm256_max_epi8(v, lo), hi);
}
inline VecB xor_b(VecB a, VecB b) {
  return _mm256_xor_si256(a, b);
}
inline VecB and_b(VecB a, VecB b) {
  return _mm256_and_si256(a, b);
}
/// A table of 256 bytes, ready for look_up: 16 entries in each, the same ones in both 128-bit lanes.
struct ByteTable {
  VecB rows[16];
};
inline ByteTable load_table(const std::uint8_t* p) {
  ByteTable t;
  for (int r = 0; r < 16; ++r)
    t.rows[r] = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * r)));
  return t;
}
/// The entry of each byte: that of its low half from every row, then each bit of its high half halves the
/// rows. A blend looks at bit 7 of a byte, to which a shift of words takes the bit.
inline VecB look_up(const ByteTable& t, VecB x) {
  const VecB low = _mm256_and_si256(x, _mm256_set1_epi8(15));
  const VecB bits[3] = {_mm256_slli_epi16(x, 3), _mm256_slli_epi16(x, 2), _mm256_slli_epi16(x, 1)};
  VecB found[8];
  for (int r = 0; r < 8; ++r)
    found[r] = _mm256_blendv_epi8(_mm256_shuffle_epi8(t.rows[2 * r], low),
                                  _mm256_shuffle_epi8(t.rows[2 * r + 1], low), bits[0]);
  for (int r = 0; r < 4; ++r) found[r] = _mm256_blendv_epi8(found[2 * r], found[2 * r + 1], bits[1]);
  for (int r = 0; r < 2; ++r) found[r] = _mm256_blendv_epi8(found[2 * r], found[2 * r + 1], bits[2]);
  return _mm256_blendv_epi8(found[0], found[1], x);
}
/// Adds u8 codes to the lanes of `sum`, in any arrangement.
inline VecI accumulate_u8(VecI sum, VecB codes) {
  return _mm256_add_epi32(sum, _mm256_sad_epu8(codes, _mm256_setzero_si256()));
}

inline VecI load_codes_u8(const std::uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
inline VecI load_codes_s8(const std::uint8_t* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}

/// acc + x * 0: NaN from the first infinity or NaN on.
inline VecF poison(VecF acc, VecF x) {
  return _mm256_fmadd_ps(x, _mm256_setzero_ps(), acc);
}

/// Of lanes that are no NaN.
inline float smallest_lane(VecF v) {
  __m128 x = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  x = _mm_min_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_min_ss(x, _mm_movehdup_ps(x)));
}
inline float largest_lane(VecF v) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

/// 2 * kBlock codes to 4 bits each.
inline VecB pack_nibbles(const std::uint8_t* p) {
  const VecB mask = _mm256_set1_epi8(15), pair = _mm256_set1_epi16(0x1001);
  const VecW a = _mm256_maddubs_epi16(_mm256_and_si256(load_b(p), mask), pair);
  const VecW b = _mm256_maddubs_epi16(_mm256_and_si256(load_b(p + kBlock), mask), pair);
  return _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8);
}
/// 4 codes of 2 bits in each dword, one a byte, gathered in its low byte.
inline VecI join_crumbs(VecB codes) {
  const VecB c = _mm256_and_si256(codes, _mm256_set1_epi8(3));
  return _mm256_madd_epi16(_mm256_maddubs_epi16(c, _mm256_set1_epi16(0x0401)), _mm256_set1_epi32(0x100001));
}
/// 4 * kBlock codes to 2 bits each.
inline VecB pack_crumbs(const std::uint8_t* p) {
  const VecW a = pack_words(join_crumbs(load_b(p)), join_crumbs(load_b(p + kBlock)));
  const VecW b = pack_words(join_crumbs(load_b(p + 2 * kBlock)), join_crumbs(load_b(p + 3 * kBlock)));
  return in_order(pack_u8(a, b));
}
/// kBlock codes from kBlock / 2 bytes.
inline VecB unpack_nibbles(const std::uint8_t* p) {
  const VecW w = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm256_and_si256(_mm256_or_si256(w, _mm256_slli_epi16(w, 4)), _mm256_set1_epi8(15));
}
/// kBlock codes from kBlock / 4 bytes. The shifts leave other bits around the two of each code.
inline VecB unpack_crumbs(const std::uint8_t* p) {
  const VecI d = load_codes_u8(p);
  const VecI pairs = _mm256_or_si256(d, _mm256_slli_epi32(d, 12));
  return _mm256_and_si256(_mm256_or_si256(pairs, _mm256_slli_epi32(pairs, 6)), _mm256_set1_epi8(3));
}

}  // namespace
}  // namespace lowbit::kernels
