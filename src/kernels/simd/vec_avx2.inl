// SPDX-License-Identifier: Apache-2.0
// The vector vocabulary of epilogue.inl and elementwise.inl for AVX2. vec_scalar.inl says what each name
// means.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define LOWBIT_VECTOR_BITS 256

namespace lowbit::kernels {
namespace {

constexpr unsigned kLanes = 8;
using VecI = __m256i;
using VecF = __m256;

inline VecI load_i(const std::int32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline VecF load_f(const float* p) {
  return _mm256_loadu_ps(p);
}
inline void store_i(std::int32_t* p, VecI v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
}
inline void store_f(float* p, VecF v) {
  _mm256_storeu_ps(p, v);
}
inline VecI broadcast_i(std::int32_t v) {
  return _mm256_set1_epi32(v);
}
inline VecF broadcast_f(float v) {
  return _mm256_set1_ps(v);
}

inline VecI add_i(VecI a, VecI b) {
  return _mm256_add_epi32(a, b);
}
inline VecI sub_i(VecI a, VecI b) {
  return _mm256_sub_epi32(a, b);
}
inline VecI mul_i(VecI a, VecI b) {
  return _mm256_mullo_epi32(a, b);
}

inline VecF add_f(VecF a, VecF b) {
  return _mm256_add_ps(a, b);
}
inline VecF sub_f(VecF a, VecF b) {
  return _mm256_sub_ps(a, b);
}
inline VecF mul_f(VecF a, VecF b) {
  return _mm256_mul_ps(a, b);
}
inline VecF to_float(VecI a) {
  return _mm256_cvtepi32_ps(a);
}
inline VecF fma_f(VecF a, VecF b, VecF c) {
  return _mm256_fmadd_ps(a, b, c);
}

// maxps and minps return the second operand when the first is not larger or smaller: a compare-select, NaN
// included.
inline VecF clamp_below(VecF f, VecF lo) {
  return _mm256_max_ps(lo, f);
}
inline VecF clamp_above(VecF f, VecF hi) {
  return _mm256_min_ps(hi, f);
}
inline VecF nan_to_zero(VecF f) {
  return _mm256_and_ps(f, _mm256_cmp_ps(f, f, _CMP_ORD_Q));
}

inline VecI round_to_int(VecF f) {
  return _mm256_cvtps_epi32(f);
}

inline VecF load_u8_as_float(const std::uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline void store_u8(std::uint8_t* p, VecI v) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}
inline VecI broadcast_i16(std::int32_t v) {
  return _mm256_set1_epi16(static_cast<short>(v));
}
inline VecI broadcast_u8(std::int32_t v) {
  return _mm256_set1_epi8(static_cast<char>(v));
}
/// The bytes that store_four_u8 stores.
inline VecI four_as_u8(const VecI* v, VecI zero_point, VecI lo) {
  const VecI low = _mm256_adds_epi16(_mm256_packs_epi32(v[0], v[1]), zero_point);
  const VecI high = _mm256_adds_epi16(_mm256_packs_epi32(v[2], v[3]), zero_point);
  const VecI bytes = _mm256_max_epu8(_mm256_packus_epi16(low, high), lo);
  // The packs worked on each 128 bits apart.
  const VecI order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return _mm256_permutevar8x32_epi32(bytes, order);
}
inline void store_four_u8(std::uint8_t* p, const VecI* v, VecI zero_point, VecI lo) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), four_as_u8(v, zero_point, lo));
}
/// Such bytes to rows of kVecs vectors, of 1, 2 or 4.
template <unsigned kVecs>
inline void store_rows_u8(std::uint8_t* p, std::size_t row_bytes, VecI bytes) {
  const auto at = [&](std::size_t row) { return reinterpret_cast<__m128i*>(p + row * row_bytes); };
  const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
  if constexpr (kVecs == 4) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at(0)), bytes);
  } else if constexpr (kVecs == 2) {
    _mm_storeu_si128(at(0), low);
    _mm_storeu_si128(at(1), high);
  } else {
    _mm_storel_epi64(at(0), low);
    _mm_storel_epi64(at(1), _mm_unpackhi_epi64(low, low));
    _mm_storel_epi64(at(2), high);
    _mm_storel_epi64(at(3), _mm_unpackhi_epi64(high, high));
  }
}

using Mask = __m256;
inline Mask is_finite(VecF f) {
  return _mm256_cmp_ps(_mm256_sub_ps(f, f), _mm256_setzero_ps(), _CMP_EQ_OQ);
}
inline VecF select_f(Mask m, VecF a, VecF b) {
  return _mm256_blendv_ps(b, a, m);
}
inline unsigned count_true(Mask m) {
  return static_cast<unsigned>(__builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps(m))));
}
inline VecF smaller(VecF a, VecF b) {
  return _mm256_min_ps(a, b);
}
inline VecF larger(VecF a, VecF b) {
  return _mm256_max_ps(a, b);
}

inline VecF div_f(VecF a, VecF b) {
  return _mm256_div_ps(a, b);
}
inline VecI bits_of(VecF f) {
  return _mm256_castps_si256(f);
}
inline VecF from_bits(VecI v) {
  return _mm256_castsi256_ps(v);
}
template <int kBits>
inline VecI shift_left(VecI v) {
  return _mm256_slli_epi32(v, kBits);
}
inline VecI half_i(VecI v) {
  return _mm256_srai_epi32(v, 1);
}
inline VecF abs_f(VecF f) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), f);
}
inline VecF negated(VecF f) {
  return _mm256_xor_ps(_mm256_set1_ps(-0.0f), f);
}
inline VecF with_sign(VecF f, VecF s) {
  return _mm256_or_ps(f, _mm256_and_ps(_mm256_set1_ps(-0.0f), s));
}
inline Mask is_less(VecF a, VecF b) {
  return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

}  // namespace
}  // namespace lowbit::kernels
