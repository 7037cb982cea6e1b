// SPDX-License-Identifier: Apache-2.0
// Loads, bits and transposition for packing and for the families above it, on AVX2 with F16C.
// blocks_avx512.inl says what each name means.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_avx2.inl"

namespace lowbit::kernels {
namespace {

inline VecI load_bytes(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline void store_bytes(void* p, VecI v) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), v);
}
inline void transpose_lanes(VecI (&r)[kLanes]) {
  VecI a[kLanes], b[kLanes];
  for (unsigned i = 0; i < kLanes; i += 2) {
    a[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
    a[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
  }
  // b[4 * q + i]: rows 4 * q to 4 * q + 3 of lanes i and 4 + i.
  for (unsigned q = 0; q < kLanes; q += 4)
    for (unsigned h = 0; h < 2; ++h) {
      b[q + 2 * h] = _mm256_unpacklo_epi64(a[q + h], a[q + 2 + h]);
      b[q + 2 * h + 1] = _mm256_unpackhi_epi64(a[q + h], a[q + 2 + h]);
    }
  for (unsigned i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2x128_si256(b[i], b[4 + i], 0x20);
    r[4 + i] = _mm256_permute2x128_si256(b[i], b[4 + i], 0x31);
  }
}
template <unsigned kBits>
inline VecI lane_shift_right(VecI a) {
  return _mm256_srli_epi32(a, kBits);
}
template <unsigned kBits>
inline VecI lane_shift_left(VecI a) {
  return _mm256_slli_epi32(a, kBits);
}
inline VecI and_bits(VecI a, VecI b) {
  return _mm256_and_si256(a, b);
}
inline VecI or_bits(VecI a, VecI b) {
  return _mm256_or_si256(a, b);
}
inline VecI xor_bits(VecI a, VecI b) {
  return _mm256_xor_si256(a, b);
}
inline bool is_zero(VecI a) {
  return _mm256_testz_si256(a, a) != 0;
}
inline VecI through_half(VecI f) {
  return _mm256_castps_si256(_mm256_cvtph_ps(_mm256_cvtps_ph(_mm256_castsi256_ps(f), 0)));
}
inline void store_as_half(void* p, VecI f) {
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_cvtps_ph(_mm256_castsi256_ps(f), 0));
}
inline void store_low_bytes(void* p, VecI v) {
  const __m256i bytes =
      _mm256_shuffle_epi8(v, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0,
                                              4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  const auto low = _mm_cvtsi128_si32(_mm256_castsi256_si128(bytes)),
             high = _mm_cvtsi128_si32(_mm256_extracti128_si256(bytes, 1));
  __builtin_memcpy(p, &low, 4);
  __builtin_memcpy(static_cast<std::byte*>(p) + 4, &high, 4);
}

}  // namespace
}  // namespace lowbit::kernels
