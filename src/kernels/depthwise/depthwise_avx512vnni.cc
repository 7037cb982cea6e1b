// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution on AVX512-VNNI: the codes of four input rows are interleaved so that each 32-bit lane
// holds four taps of one channel, which vpdpbusd multiplies and adds at once.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/depthwise_kernel.h"

#include "kernels/simd/vec_avx512.inl"

#include "kernels/depthwise/depthwise_x86.inl"

namespace lowbit::kernels::depthwise {
namespace {

constexpr unsigned kBytes = 64, kTaps = 4, kUnit = 1;
constexpr std::size_t kColumnBytes = 256, kTapBytes = 64, kWeightBytes = 256, kUnitBytes = 64;
constexpr std::int32_t kMinWeight = -128, kMaxWeight = 127;
constexpr bool kSignFlip = false, kSharesRows = true;

using Codes = __m512i;
using Halves = __m512i;
using Taps = __m512i;
using Weights = __m512i;
struct Column {
  Taps taps[4];
};
struct Limits {
  __m512i zero, lo, hi;
};

inline void set_weight(std::byte* step, unsigned term, unsigned tap, std::int32_t weight) {
  step[term * 4 + tap] = static_cast<std::byte>(weight);
}

inline __m512i four_pieces(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m512i ab = _mm512_inserti32x4(_mm512_castsi128_si512(a), b, 1);
  return _mm512_inserti32x4(_mm512_inserti32x4(ab, c, 2), d, 3);
}

template <unsigned kWidth>
inline Codes load_codes(const std::uint8_t* const* p) {
  if constexpr (kWidth == 64) {
    return _mm512_loadu_si512(p[0]);
  } else if constexpr (kWidth == 32) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p[0]));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p[1]));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  } else {
    return four_pieces(load_16(p[0]), load_16(p[1]), load_16(p[2]), load_16(p[3]));
  }
}

inline Codes load_few(const std::uint8_t* const* p, std::uint32_t count) {
  const auto mask = static_cast<__mmask16>((1u << count) - 1);
  return four_pieces(_mm_maskz_loadu_epi8(mask, p[0]), _mm_maskz_loadu_epi8(mask, p[1]),
                     _mm_maskz_loadu_epi8(mask, p[2]), _mm_maskz_loadu_epi8(mask, p[3]));
}

inline Column interleave(const Codes* rows) {
  const __m512i a = _mm512_unpacklo_epi8(rows[0], rows[1]), b = _mm512_unpackhi_epi8(rows[0], rows[1]);
  const __m512i c = _mm512_unpacklo_epi8(rows[2], rows[3]), d = _mm512_unpackhi_epi8(rows[2], rows[3]);
  return {{_mm512_unpacklo_epi16(a, c), _mm512_unpackhi_epi16(a, c), _mm512_unpacklo_epi16(b, d),
           _mm512_unpackhi_epi16(b, d)}};
}
inline void store_column(std::byte* p, const Column& column) {
  for (unsigned i = 0; i < 4; ++i) _mm512_store_si512(p + 64 * i, column.taps[i]);
}
inline Taps taps_of(const Column& column, unsigned unit) {
  return column.taps[unit];
}

inline VecI load_quads_i(const std::int32_t* const* p) {
  const auto quad = [&](unsigned i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p[i])); };
  return four_pieces(quad(0), quad(1), quad(2), quad(3));
}
inline VecF load_quads_f(const float* const* p) {
  const auto quad = [&](unsigned i) { return _mm_castps_si128(_mm_loadu_ps(p[i])); };
  return _mm512_castsi512_ps(four_pieces(quad(0), quad(1), quad(2), quad(3)));
}

inline Taps load_taps(const std::byte* p) {
  return _mm512_load_si512(p);
}
inline Weights load_weights(const std::byte* p) {
  return _mm512_load_si512(p);
}
inline void multiply_add(VecI* acc, Taps taps, Weights weights) {
  acc[0] = _mm512_dpbusd_epi32(acc[0], taps, weights);
}

inline Limits limits_of(std::int32_t zero, std::uint8_t lo, std::uint8_t hi) {
  return {_mm512_set1_epi16(static_cast<std::int16_t>(zero)), _mm512_set1_epi8(static_cast<char>(lo)),
          _mm512_set1_epi8(static_cast<char>(hi))};
}
inline Halves halve(VecI a, VecI b, const Limits& limits) {
  return _mm512_adds_epi16(_mm512_packs_epi32(a, b), limits.zero);
}
inline Codes join(const Halves* halves, const Limits& limits) {
  const __m512i codes = _mm512_packus_epi16(halves[0], halves[1]);
  return _mm512_min_epu8(_mm512_max_epu8(codes, limits.lo), limits.hi);
}
inline void store_codes(std::uint8_t* p, Codes codes) {
  _mm512_storeu_si512(p, codes);
}

inline void widen(Codes codes, VecI (&out)[4]) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i low = _mm512_unpacklo_epi8(codes, zero), high = _mm512_unpackhi_epi8(codes, zero);
  out[0] = _mm512_unpacklo_epi16(low, zero);
  out[1] = _mm512_unpackhi_epi16(low, zero);
  out[2] = _mm512_unpacklo_epi16(high, zero);
  out[3] = _mm512_unpackhi_epi16(high, zero);
}
/// Transposes a 4x4 matrix of 128-bit elements.
inline void order(VecI (&v)[4]) {
  const __m512i a = _mm512_shuffle_i32x4(v[0], v[1], 0x44), b = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
  const __m512i c = _mm512_shuffle_i32x4(v[0], v[1], 0xEE), d = _mm512_shuffle_i32x4(v[2], v[3], 0xEE);
  v[0] = _mm512_shuffle_i32x4(a, b, 0x88);
  v[1] = _mm512_shuffle_i32x4(a, b, 0xDD);
  v[2] = _mm512_shuffle_i32x4(c, d, 0x88);
  v[3] = _mm512_shuffle_i32x4(c, d, 0xDD);
}
inline VecI bits_of(VecF f) {
  return _mm512_castps_si512(f);
}

}  // namespace
}  // namespace lowbit::kernels::depthwise

#include "kernels/depthwise/depthwise_finish.inl"

#include "kernels/depthwise/depthwise_window3_32_registers.inl"

#include "kernels/depthwise/depthwise_run.inl"

namespace lowbit::kernels {

extern constinit const DepthwiseKernel kDepthwiseAvx512vnni =
    depthwise::depthwise_kernel("depthwise/avx512vnni", Isa::avx2 | Isa::avx512 | Isa::avx512vnni, 8);

}  // namespace lowbit::kernels
