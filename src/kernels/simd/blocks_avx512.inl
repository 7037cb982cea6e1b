// SPDX-License-Identifier: Apache-2.0
// Loads, bits and transposition for packing and for the families above it, on AVX-512. blocks_avx2.inl has
// the same names.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_avx512.inl"

namespace lowbit::kernels {
namespace {

inline VecI load_bytes(const void* p) {
  return _mm512_loadu_si512(p);
}
inline void store_bytes(void* p, VecI v) {
  _mm512_storeu_si512(p, v);
}
/// r[i] holds lane i of all vectors afterwards.
inline void transpose_lanes(VecI (&r)[kLanes]) {
  VecI a[kLanes], b[kLanes];
  for (unsigned i = 0; i < kLanes; i += 2) {
    a[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  // b[4 * q + i]: rows 4 * q to 4 * q + 3 of lanes i, 4 + i, 8 + i and 12 + i.
  for (unsigned q = 0; q < kLanes; q += 4)
    for (unsigned h = 0; h < 2; ++h) {
      b[q + 2 * h] = _mm512_unpacklo_epi64(a[q + h], a[q + 2 + h]);
      b[q + 2 * h + 1] = _mm512_unpackhi_epi64(a[q + h], a[q + 2 + h]);
    }
  for (unsigned i = 0; i < 4; ++i) {
    const VecI even_low = _mm512_shuffle_i32x4(b[i], b[4 + i], 0x88);  // lanes i and 8 + i of rows 0 to 7
    const VecI odd_low = _mm512_shuffle_i32x4(b[i], b[4 + i], 0xDD);   // lanes 4 + i and 12 + i
    const VecI even_high = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0x88);
    const VecI odd_high = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0xDD);
    r[i] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
    r[8 + i] = _mm512_shuffle_i32x4(even_low, even_high, 0xDD);
    r[4 + i] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
    r[12 + i] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD);
  }
}
/// The 32 bits of each lane; shifts bring in zeros.
template <unsigned kBits>
inline VecI lane_shift_right(VecI a) {
  return _mm512_srli_epi32(a, kBits);
}
template <unsigned kBits>
inline VecI lane_shift_left(VecI a) {
  return _mm512_slli_epi32(a, kBits);
}
inline VecI and_bits(VecI a, VecI b) {
  return _mm512_and_si512(a, b);
}
inline VecI or_bits(VecI a, VecI b) {
  return _mm512_or_si512(a, b);
}
inline VecI xor_bits(VecI a, VecI b) {
  return _mm512_xor_si512(a, b);
}
inline bool is_zero(VecI a) {
  return _mm512_test_epi32_mask(a, a) == 0;
}
/// Floats as fp16 and back.
inline VecI through_half(VecI f) {
  return _mm512_castps_si512(_mm512_cvtph_ps(_mm512_cvtps_ph(_mm512_castsi512_ps(f), 0)));
}
inline void store_as_half(void* p, VecI f) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtps_ph(_mm512_castsi512_ps(f), 0));
}
/// The low byte of each lane.
inline void store_low_bytes(void* p, VecI v) {
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
}

}  // namespace
}  // namespace lowbit::kernels
