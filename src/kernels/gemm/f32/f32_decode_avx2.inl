// SPDX-License-Identifier: Apache-2.0
// Decoding weights to floats with AVX2, for f32_run.inl. The kernel file has set what f32_panel.inl wants.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/simd/vec_avx2.inl"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"
#include "kernels/gemm/common/x86_pack_blocks.inl"
#include "kernels/simd/blocks_avx2.inl"
namespace lowbit::kernels::f32 {
namespace {

inline std::uint16_t half_bits(float f) {
  return static_cast<std::uint16_t>(_mm_cvtsi128_si32(_mm_cvtps_ph(_mm_set_ss(f), 0)));
}
inline float half_value(std::uint16_t half) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}

}  // namespace
}  // namespace lowbit::kernels::f32

#define LOWBIT_F32_PACK_X86
#include "kernels/gemm/f32/f32_decode.inl"
#include "kernels/gemm/f32/f32_panel.inl"

namespace lowbit::kernels::f32 {
namespace {

/// Rows and column vectors of a tile of decoded weights.
constexpr unsigned kTileRows = 6, kTileVecs = 2;

constexpr unsigned tile_vecs(unsigned rows) {
  return rows <= 2 ? 4 : 2;
}

inline VecI load_codes(const std::byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline VecI next_code(VecI codes) {
  return _mm256_srli_epi32(codes, kCodeBits);
}
inline VecF load_halves(const std::byte* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline VecF load_bytes_f(const std::byte* p) {
  return to_float(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline VecF negate_where(VecF f, VecI codes, unsigned bit) {
  const VecI sign = _mm256_sllv_epi32(codes, broadcast_i(static_cast<std::int32_t>(31 - bit)));
  return _mm256_xor_ps(f, _mm256_castsi256_ps(and_bits(sign, broadcast_i(INT32_MIN))));
}

/// A code in the lowest bits of the float 2^23 is added to it; all differences are exact.
constexpr float kMagic = 8388608.0f;
/// A code some bits further up is as good in the lowest bits of a float that much smaller, as long as it
/// stays clear of the exponent: so many follow on the first.
constexpr unsigned kInPlace = (23 - kCodeBits) / kCodeBits;

template <Kind kKind>
struct Decoder {
  static constexpr bool kWithoutShifts = kKind == Kind::middle;

  Decoder(const float*, unsigned) {}
  static VecF zero(VecF z) { return add_f(z, broadcast_f(kMagic + kStored)); }
  inline LOWBIT_ALWAYS_INLINE VecF weight(VecI codes, VecF zero) const {
    const VecI code = _mm256_and_si256(codes, broadcast_i(kLevels - 1));
    const VecF magic = _mm256_or_ps(_mm256_castsi256_ps(code), broadcast_f(kMagic));
    return sub_f(magic, kKind == Kind::middle ? broadcast_f(kMagic + kStored + kMiddle) : zero);
  }
  inline LOWBIT_ALWAYS_INLINE VecF weight_in_place(VecI& codes, unsigned t) const {
    if (t == kInPlace + 1) codes = _mm256_srli_epi32(codes, kCodeBits * (kInPlace + 1));
    const unsigned up = kCodeBits * (t <= kInPlace ? t : t - kInPlace - 1);
    const VecI code = _mm256_and_si256(codes, broadcast_i(static_cast<std::int32_t>((kLevels - 1) << up)));
    const float magic = kMagic / static_cast<float>(1u << up);
    return sub_f(_mm256_or_ps(_mm256_castsi256_ps(code), broadcast_f(magic)),
                 broadcast_f(magic + kStored + kMiddle));
  }
};

/// Sixteen levels in two registers: vpermps looks at the lowest 3 bits of each lane, the fourth selects.
template <>
struct Decoder<Kind::table> {
  static constexpr bool kWithoutShifts = false;
  VecF low, high;

  Decoder(const float* table, unsigned) : low(load_f(table)), high(load_f(table + 8)) {}
  static VecF zero(VecF z) { return z; }
  inline LOWBIT_ALWAYS_INLINE VecF weight(VecI codes, VecF) const {
    const VecF fourth = _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, codes), _mm256_permutevar8x32_ps(high, codes),
                            fourth);
  }
};

/// Tables of 256 levels are looked up in memory.
constexpr bool in_registers(Kind kind) {
  return kind == Kind::middle || kind == Kind::zeros || (kind == Kind::table && kCodeBits == 4);
}

}  // namespace
}  // namespace lowbit::kernels::f32
