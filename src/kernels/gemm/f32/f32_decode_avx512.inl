// SPDX-License-Identifier: Apache-2.0
// Decoding weights to floats with AVX-512, for f32_run.inl. The kernel file has set what f32_panel.inl
// wants.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/simd/vec_avx512.inl"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"
#include "kernels/gemm/common/x86_pack_blocks.inl"
#include "kernels/simd/blocks_avx512.inl"
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
constexpr unsigned kTileRows = 6, kTileVecs = 4;

constexpr unsigned tile_vecs(unsigned) {
  return 4;
}

inline VecI load_codes(const std::byte* p) {
  return _mm512_loadu_si512(p);
}
inline VecI next_code(VecI codes) {
  return _mm512_srli_epi32(codes, kCodeBits);
}
inline VecF load_halves(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline VecF load_bytes_f(const std::byte* p) {
  return to_float(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
/// f ^ (codes & 0x80000000), once the bit is there.
inline VecF negate_where(VecF f, VecI codes, unsigned bit) {
  const VecI sign = _mm512_sllv_epi32(codes, broadcast_i(static_cast<std::int32_t>(31 - bit)));
  return _mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(_mm512_castps_si512(f), sign, broadcast_i(INT32_MIN), 0x78));
}

/// The codes themselves. Up to 4 bits: vpermps looks at the lowest 4 bits of each lane.
template <Kind kKind>
struct Decoder {
  static constexpr bool kWithoutShifts = false;
  VecF levels;

  Decoder(const float*, unsigned)
      : levels(to_float(and_bits(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                 broadcast_i(kLevels - 1)))) {
    if constexpr (kKind == Kind::middle) levels = sub_f(levels, broadcast_f(kMiddle));
  }
  static VecF zero(VecF z) { return kCodeBits == 8 ? add_f(z, broadcast_f(kMagic + kStored)) : z; }
  inline LOWBIT_ALWAYS_INLINE VecF weight(VecI codes, VecF zero) const {
    if constexpr (kCodeBits == 8) {
      // (codes & 255) | magic
      const VecI magic =
          _mm512_ternarylogic_epi32(codes, broadcast_i(255), _mm512_castps_si512(broadcast_f(kMagic)), 0xEA);
      return sub_f(_mm512_castsi512_ps(magic), kKind == Kind::middle ? broadcast_f(kMagic + kStored) : zero);
    } else {
      const VecF level = _mm512_permutexvar_ps(codes, levels);
      return kKind == Kind::zeros ? sub_f(level, zero) : level;
    }
  }

 private:
  // A code in the lowest bits of the float 2^23 is added to it; all differences are exact.
  static constexpr float kMagic = 8388608.0f;
};

/// 32 * kParts levels in pairs of registers: vpermi2ps looks at the lowest 5 bits of each lane, the others
/// select.
template <unsigned kParts>
struct PartedLevels {
  static constexpr bool kWithoutShifts = false;
  VecF low[kParts], high[kParts];

  PartedLevels(const float* table, unsigned) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < kParts; ++i) {
      low[i] = load_f(table + 32 * i);
      high[i] = load_f(table + 32 * i + 16);
    }
  }
  static VecF zero(VecF z) {
    return z;
  }
  inline LOWBIT_ALWAYS_INLINE VecF level(VecI codes) const {
    VecF part[kParts];
#pragma GCC unroll 8
    for (unsigned i = 0; i < kParts; ++i) part[i] = _mm512_permutex2var_ps(low[i], codes, high[i]);
#pragma GCC unroll 8
    for (unsigned step = 1; step < kParts; step *= 2) {
      const __mmask16 second =
          _mm512_test_epi32_mask(codes, broadcast_i(static_cast<std::int32_t>(32 * step)));
#pragma GCC unroll 8
      for (unsigned i = 0; i + step < kParts; i += 2 * step)
        part[i] = _mm512_mask_blend_ps(second, part[i], part[i + step]);
    }
    return part[0];
  }
};

/// Sixteen levels in a register, or 256.
struct Levels16 {
  static constexpr bool kWithoutShifts = false;
  VecF levels;

  Levels16(const float* table, unsigned) : levels(load_f(table)) {}
  static VecF zero(VecF z) { return z; }
  inline LOWBIT_ALWAYS_INLINE VecF level(VecI codes) const { return _mm512_permutexvar_ps(codes, levels); }
};
template <unsigned kBits>
struct TableLevels : Levels16 {
  using Levels16::Levels16;
};
template <>
struct TableLevels<8> : PartedLevels<8> {
  using PartedLevels::PartedLevels;
};

template <>
struct Decoder<Kind::table> : TableLevels<kCodeBits> {
  using TableLevels::TableLevels;
  inline LOWBIT_ALWAYS_INLINE VecF weight(VecI codes, VecF) const { return level(codes); }
};

/// Half of the levels; the highest bit of a code is the sign.
template <>
struct Decoder<Kind::mirrored> : PartedLevels<4> {
  using PartedLevels::PartedLevels;
  inline LOWBIT_ALWAYS_INLINE VecF weight(VecI codes, VecF) const {
    return negate_where(level(codes), codes, 7);
  }
};

constexpr bool in_registers(Kind kind) {
  return kind == Kind::middle || kind == Kind::zeros || kind == Kind::table ||
         (kind == Kind::mirrored && kCodeBits == 8);
}

}  // namespace
}  // namespace lowbit::kernels::f32
