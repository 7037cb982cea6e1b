// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the x86 engines for 256 bits: AVX-VNNI (VEX), its twin AVX512-VNNI with VL (EVEX), or
// plain AVX2, by the flags of the file. x86_int8_ops_zmm.inl has the same names.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/blocks_avx2.inl"
#include "kernels/simd/vec_avx2.inl"

namespace lowbit::kernels {
namespace {

constexpr unsigned kTileVecs = 2;
constexpr unsigned kAccumulators = 12;  // of 16 registers
constexpr unsigned kRegisterOffsets = 8;
#if defined(__AVXVNNI__) || defined(__AVX512VNNI__)
constexpr bool kDotWaits = true;
#else
constexpr bool kDotWaits = false;  // only the addition does
#endif

/// Hides from the compiler where `v` comes from. It would load a vector again for every use, and the loads
/// would outnumber the dot products; and it would make a tree of a chain of additions, whose leaves spill.
inline void keep_in_register([[maybe_unused]] VecI& v) {
#if defined(__GNUC__)
  asm("" : "+x"(v));
#endif
}
/// On plain AVX2 exact only where no pair of neighbouring products leaves an int16.
inline VecI dot4(VecI acc, VecI u, VecI s) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(acc, u, s);
#elif defined(__AVX512VNNI__)
  return _mm256_dpbusd_epi32(acc, u, s);
#else
  VecI sum = _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)));
  keep_in_register(sum);
  return sum;
#endif
}
inline VecI broadcast_4_codes(const std::uint8_t* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}
inline VecI broadcast_byte(std::uint8_t b) {
  return _mm256_set1_epi8(static_cast<char>(b));
}
inline VecI sub_bytes(VecI a, VecI b) {
  return _mm256_sub_epi8(a, b);
}
template <unsigned kBits>
inline VecI shift_right(VecI a) {
  return _mm256_srli_epi16(a, kBits);
}
inline VecI look_up(VecI table, VecI indices) {
  return _mm256_shuffle_epi8(table, indices);
}
inline VecI broadcast_table(const void* p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
inline VecF load_half(const void* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
inline VecI load_u8_as_int(const void* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
}
inline VecI repeat_low_byte(VecI a) {
  return _mm256_mullo_epi32(a, _mm256_set1_epi32(0x01010101));
}

}  // namespace
}  // namespace lowbit::kernels
