// SPDX-License-Identifier: Apache-2.0
// The vector vocabulary of epilogue.inl and elementwise.inl for AVX-512 (F, BW, DQ, VL). vec_scalar.inl says
// what each name means.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define LOWBIT_VECTOR_BITS 512

namespace lowbit::kernels {
namespace {

constexpr unsigned kLanes = 16;
using VecI = __m512i;
using VecF = __m512;

inline VecI load_i(const std::int32_t* p) {
  return _mm512_loadu_si512(p);
}
inline VecF load_f(const float* p) {
  return _mm512_loadu_ps(p);
}
inline void store_i(std::int32_t* p, VecI v) {
  _mm512_storeu_si512(p, v);
}
inline void store_f(float* p, VecF v) {
  _mm512_storeu_ps(p, v);
}
inline VecI broadcast_i(std::int32_t v) {
  return _mm512_set1_epi32(v);
}
inline VecF broadcast_f(float v) {
  return _mm512_set1_ps(v);
}

inline VecI add_i(VecI a, VecI b) {
  return _mm512_add_epi32(a, b);
}
inline VecI sub_i(VecI a, VecI b) {
  return _mm512_sub_epi32(a, b);
}
inline VecI mul_i(VecI a, VecI b) {
  return _mm512_mullo_epi32(a, b);
}

inline VecF add_f(VecF a, VecF b) {
  return _mm512_add_ps(a, b);
}
inline VecF sub_f(VecF a, VecF b) {
  return _mm512_sub_ps(a, b);
}
inline VecF mul_f(VecF a, VecF b) {
  return _mm512_mul_ps(a, b);
}
inline VecF to_float(VecI a) {
  return _mm512_cvtepi32_ps(a);
}
inline VecF fma_f(VecF a, VecF b, VecF c) {
  return _mm512_fmadd_ps(a, b, c);
}

// maxps and minps return the second operand when the first is not larger or smaller: a compare-select, NaN
// included.
inline VecF clamp_below(VecF f, VecF lo) {
  return _mm512_max_ps(lo, f);
}
inline VecF clamp_above(VecF f, VecF hi) {
  return _mm512_min_ps(hi, f);
}
inline VecF nan_to_zero(VecF f) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(f, f, _CMP_ORD_Q), f);
}

inline VecI round_to_int(VecF f) {
  return _mm512_cvtps_epi32(f);
}

inline VecF load_u8_as_float(const std::uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline void store_u8(std::uint8_t* p, VecI v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
}
inline VecI broadcast_i16(std::int32_t v) {
  return _mm512_set1_epi16(static_cast<short>(v));
}
inline VecI broadcast_u8(std::int32_t v) {
  return _mm512_set1_epi8(static_cast<char>(v));
}
/// The bytes that store_four_u8 stores.
inline VecI four_as_u8(const VecI* v, VecI zero_point, VecI lo) {
  const VecI low = _mm512_adds_epi16(_mm512_packs_epi32(v[0], v[1]), zero_point);
  const VecI high = _mm512_adds_epi16(_mm512_packs_epi32(v[2], v[3]), zero_point);
  const VecI bytes = _mm512_max_epu8(_mm512_packus_epi16(low, high), lo);
  // The packs worked on each 128 bits apart.
  const VecI order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, bytes);
}
inline void store_four_u8(std::uint8_t* p, const VecI* v, VecI zero_point, VecI lo) {
  _mm512_storeu_si512(p, four_as_u8(v, zero_point, lo));
}
/// Such bytes to rows of kVecs vectors, of 1, 2 or 4.
template <unsigned kVecs>
inline void store_rows_u8(std::uint8_t* p, std::size_t row_bytes, VecI bytes) {
  const auto at = [&](std::size_t row) { return reinterpret_cast<__m128i*>(p + row * row_bytes); };
  if constexpr (kVecs == 4) {
    _mm512_storeu_si512(p, bytes);
  } else if constexpr (kVecs == 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at(0)), _mm512_castsi512_si256(bytes));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at(1)), _mm512_extracti64x4_epi64(bytes, 1));
  } else {
    _mm_storeu_si128(at(0), _mm512_castsi512_si128(bytes));
    _mm_storeu_si128(at(1), _mm512_extracti32x4_epi32(bytes, 1));
    _mm_storeu_si128(at(2), _mm512_extracti32x4_epi32(bytes, 2));
    _mm_storeu_si128(at(3), _mm512_extracti32x4_epi32(bytes, 3));
  }
}

using Mask = __mmask16;
inline Mask is_finite(VecF f) {
  return _mm512_cmp_ps_mask(_mm512_sub_ps(f, f), _mm512_setzero_ps(), _CMP_EQ_OQ);
}
inline VecF select_f(Mask m, VecF a, VecF b) {
  return _mm512_mask_mov_ps(b, m, a);
}
inline unsigned count_true(Mask m) {
  return static_cast<unsigned>(__builtin_popcount(m));
}
inline VecF smaller(VecF a, VecF b) {
  return _mm512_min_ps(a, b);
}
inline VecF larger(VecF a, VecF b) {
  return _mm512_max_ps(a, b);
}

inline VecF div_f(VecF a, VecF b) {
  return _mm512_div_ps(a, b);
}
inline VecI bits_of(VecF f) {
  return _mm512_castps_si512(f);
}
inline VecF from_bits(VecI v) {
  return _mm512_castsi512_ps(v);
}
template <int kBits>
inline VecI shift_left(VecI v) {
  return _mm512_slli_epi32(v, kBits);
}
inline VecI half_i(VecI v) {
  return _mm512_srai_epi32(v, 1);
}
inline VecF abs_f(VecF f) {
  return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), f);
}
inline VecF negated(VecF f) {
  return _mm512_xor_ps(_mm512_set1_ps(-0.0f), f);
}
inline VecF with_sign(VecF f, VecF s) {
  return _mm512_or_ps(f, _mm512_and_ps(_mm512_set1_ps(-0.0f), s));
}
inline Mask is_less(VecF a, VecF b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

}  // namespace
}  // namespace lowbit::kernels
