// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution on AVX2, exact: the codes of four input rows are interleaved and widened, so that
// vpmaddwd multiplies and adds two taps of one channel in each 32-bit lane. It cannot overflow (2 * 255 * 255
// < 2^31), unlike vpmaddubsw, which saturates.
//
//   tap vector:   rows 0 and 2 of 8 channels as int16 | rows 1 and 3
//   weights:      likewise
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/depthwise_kernel.h"

#include "kernels/simd/vec_avx2.inl"

#include "kernels/depthwise/depthwise_x86.inl"

namespace lowbit::kernels::depthwise {
namespace {

constexpr unsigned kBytes = 32, kTaps = 4, kUnit = 1;
constexpr std::size_t kColumnBytes = 256, kTapBytes = 64, kWeightBytes = 256, kUnitBytes = 64;
constexpr std::int32_t kMinWeight = -255, kMaxWeight = 255;
constexpr bool kSignFlip = false, kSharesRows = true;

using Codes = __m256i;
using Halves = __m256i;
struct Taps {
  __m256i even, odd;
};
/// Rows 0 and 1, rows 2 and 3, interleaved; taps_of() does the rest where the taps are used, to save
/// registers.
struct Column {
  __m256i upper_low, upper_high, lower_low, lower_high;
};
struct Weights {
  const std::byte* at;
};
struct Limits {
  __m256i zero, lo, hi;
};

inline void set_weight(std::byte* step, unsigned term, unsigned tap, std::int32_t weight) {
  auto* unit = reinterpret_cast<std::int16_t*>(step) + term / 8 * 32;
  unit[tap % 2 * 16 + term % 8 * 2 + tap / 2] = static_cast<std::int16_t>(weight);
}

inline __m256i two_pieces(__m128i a, __m128i b) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}

template <unsigned kWidth>
inline Codes load_codes(const std::uint8_t* const* p) {
  if constexpr (kWidth == 32) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p[0]));
  } else {
    return two_pieces(load_16(p[0]), load_16(p[1]));
  }
}
inline Codes load_few(const std::uint8_t* const* p, std::uint32_t count) {
  const __m128i mask = _mm_cmpgt_epi32(_mm_set1_epi32(static_cast<int>(count)), _mm_setr_epi32(0, 4, 8, 12));
  return two_pieces(_mm_maskload_epi32(reinterpret_cast<const int*>(p[0]), mask),
                    _mm_maskload_epi32(reinterpret_cast<const int*>(p[1]), mask));
}

inline Column interleave(const Codes* rows) {
  return {_mm256_unpacklo_epi8(rows[0], rows[1]), _mm256_unpackhi_epi8(rows[0], rows[1]),
          _mm256_unpacklo_epi8(rows[2], rows[3]), _mm256_unpackhi_epi8(rows[2], rows[3])};
}
inline Taps taps_of(const Column& c, unsigned unit) {
  const __m256i upper = unit < 2 ? c.upper_low : c.upper_high, lower = unit < 2 ? c.lower_low : c.lower_high;
  const __m256i four =
      unit % 2 == 0 ? _mm256_unpacklo_epi16(upper, lower) : _mm256_unpackhi_epi16(upper, lower);
  return {_mm256_and_si256(four, _mm256_set1_epi16(0xFF)), _mm256_srli_epi16(four, 8)};
}
inline void store_column(std::byte* p, const Column& column) {
  for (unsigned i = 0; i < 4; ++i) {
    const Taps taps = taps_of(column, i);
    _mm256_store_si256(reinterpret_cast<__m256i*>(p + 64 * i), taps.even);
    _mm256_store_si256(reinterpret_cast<__m256i*>(p + 64 * i + 32), taps.odd);
  }
}

inline VecI load_quads_i(const std::int32_t* const* p) {
  return _mm256_loadu2_m128i(reinterpret_cast<const __m128i*>(p[1]), reinterpret_cast<const __m128i*>(p[0]));
}
inline VecF load_quads_f(const float* const* p) {
  return _mm256_set_m128(_mm_loadu_ps(p[1]), _mm_loadu_ps(p[0]));
}

inline Taps load_taps(const std::byte* p) {
  return {_mm256_load_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_load_si256(reinterpret_cast<const __m256i*>(p + 32))};
}
inline Weights load_weights(const std::byte* p) {
  return {p};
}
inline void multiply_add(VecI* acc, const Taps& taps, Weights weights) {
  const __m256i even = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights.at));
  const __m256i odd = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights.at + 32));
  acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(taps.even, even));
  acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(taps.odd, odd));
}

inline Limits limits_of(std::int32_t zero, std::uint8_t lo, std::uint8_t hi) {
  return {_mm256_set1_epi16(static_cast<std::int16_t>(zero)), _mm256_set1_epi8(static_cast<char>(lo)),
          _mm256_set1_epi8(static_cast<char>(hi))};
}
inline Halves halve(VecI a, VecI b, const Limits& limits) {
  return _mm256_adds_epi16(_mm256_packs_epi32(a, b), limits.zero);
}
inline Codes join(const Halves* halves, const Limits& limits) {
  const __m256i codes = _mm256_packus_epi16(halves[0], halves[1]);
  return _mm256_min_epu8(_mm256_max_epu8(codes, limits.lo), limits.hi);
}
inline void store_codes(std::uint8_t* p, Codes codes) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), codes);
}

inline void widen(Codes codes, VecI (&out)[4]) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i low = _mm256_unpacklo_epi8(codes, zero), high = _mm256_unpackhi_epi8(codes, zero);
  out[0] = _mm256_unpacklo_epi16(low, zero);
  out[1] = _mm256_unpackhi_epi16(low, zero);
  out[2] = _mm256_unpacklo_epi16(high, zero);
  out[3] = _mm256_unpackhi_epi16(high, zero);
}
/// 128-bit halves: 00 10 20 30 | 01 11 21 31.
inline void order(VecI (&v)[4]) {
  const __m256i a = v[0], b = v[2];
  v[0] = _mm256_permute2x128_si256(a, v[1], 0x20);
  v[2] = _mm256_permute2x128_si256(a, v[1], 0x31);
  v[1] = _mm256_permute2x128_si256(b, v[3], 0x20);
  v[3] = _mm256_permute2x128_si256(b, v[3], 0x31);
}
inline VecI bits_of(VecF f) {
  return _mm256_castps_si256(f);
}

}  // namespace
}  // namespace lowbit::kernels::depthwise

#include "kernels/depthwise/depthwise_finish.inl"

#include "kernels/depthwise/depthwise_window3_16_registers.inl"

#include "kernels/depthwise/depthwise_run.inl"

namespace lowbit::kernels {

extern constinit const DepthwiseKernel kDepthwiseAvx2 =
    depthwise::depthwise_kernel("depthwise/avx2", Isa::avx2, 4);

}  // namespace lowbit::kernels
