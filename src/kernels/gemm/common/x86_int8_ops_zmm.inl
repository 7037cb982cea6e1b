// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the x86 engines for AVX512-VNNI. x86_int8_ops_ymm.inl has the same names.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/blocks_avx512.inl"
#include "kernels/simd/vec_avx512.inl"

namespace lowbit::kernels {
namespace {

constexpr unsigned kTileVecs = 4;         // widest tile, in vectors of columns
constexpr unsigned kAccumulators = 24;    // of 32 registers
constexpr unsigned kRegisterOffsets = 8;  // rows whose addresses fit the general registers
constexpr bool kDotWaits = true;          // a dot product for the one before on its accumulator

/// acc + the sum of four products a lane: u8 of `u` times s8 of `s`.
inline VecI dot4(VecI acc, VecI u, VecI s) {
  return _mm512_dpbusd_epi32(acc, u, s);
}
inline VecI broadcast_4_codes(const std::uint8_t* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}
/// Hides from the compiler that `v` was just loaded: it would load it again for every use, and the loads
/// would outnumber the dot products.
inline void keep_in_register([[maybe_unused]] VecI& v) {
#if defined(__GNUC__)
  asm("" : "+v"(v));
#endif
}
inline VecI broadcast_byte(std::uint8_t b) {
  return _mm512_set1_epi8(static_cast<char>(b));
}
inline VecI sub_bytes(VecI a, VecI b) {
  return _mm512_sub_epi8(a, b);
}
/// Each 16 bits by kBits to the right.
template <unsigned kBits>
inline VecI shift_right(VecI a) {
  return _mm512_srli_epi16(a, kBits);
}
/// table[index] for 16 entries; bit 7 of the indices is 0.
inline VecI look_up(VecI table, VecI indices) {
  return _mm512_shuffle_epi8(table, indices);
}
inline VecI broadcast_table(const void* p) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
inline VecF load_half(const void* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
inline VecI load_u8_as_int(const void* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
/// The low byte of each lane in all four.
inline VecI repeat_low_byte(VecI a) {
  return _mm512_mullo_epi32(a, _mm512_set1_epi32(0x01010101));
}

}  // namespace
}  // namespace lowbit::kernels
