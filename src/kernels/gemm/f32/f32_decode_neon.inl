// SPDX-License-Identifier: Apache-2.0
// Decoding weights to floats with Advanced SIMD, for f32_run.inl. The kernel file has set what f32_panel.inl
// wants.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/gemm/common/epilogue.inl"
#include "kernels/gemm/common/weight_codes.inl"
namespace lowbit::kernels::f32 {
namespace {

inline std::uint16_t half_bits(float f) {
  return vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(f))), 0);
}
inline float half_value(std::uint16_t half) {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half))), 0);
}
inline bool all_half(const float* p, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (half_value(half_bits(p[i])) != p[i]) return false;
  return true;
}

}  // namespace
}  // namespace lowbit::kernels::f32

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
  return vreinterpretq_s32_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(p)));
}
inline VecI next_code(VecI codes) {
  return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(codes), kCodeBits));
}
inline VecF load_halves(const std::byte* p) {
  return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(reinterpret_cast<const std::uint8_t*>(p))));
}
inline VecF load_bytes_f(const std::byte* p) {
  std::uint32_t four;
  __builtin_memcpy(&four, p, 4);
  return to_float(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))));
}
inline VecF negate_where(VecF f, VecI codes, unsigned bit) {
  const uint32x4_t up =
      vshlq_u32(vreinterpretq_u32_s32(codes), vdupq_n_s32(static_cast<std::int32_t>(31 - bit)));
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(f), vandq_u32(up, vdupq_n_u32(0x80000000u))));
}

template <Kind kKind>
struct Decoder {
  static constexpr bool kWithoutShifts = false;

  Decoder(const float*, unsigned) {}
  static VecF zero(VecF z) { return add_f(z, broadcast_f(kStored)); }
  inline LOWBIT_ALWAYS_INLINE VecF weight(VecI codes, VecF zero) const {
    const VecF code = to_float(vandq_s32(codes, broadcast_i(kLevels - 1)));
    return sub_f(code, kKind == Kind::middle ? broadcast_f(kStored + kMiddle) : zero);
  }
};

/// Sixteen levels in four registers: tbl looks up the four bytes of each.
template <>
struct Decoder<Kind::table> {
  static constexpr bool kWithoutShifts = false;
  uint8x16x4_t levels;

  Decoder(const float* table, unsigned) {
    for (unsigned i = 0; i < 4; ++i) levels.val[i] = vreinterpretq_u8_f32(load_f(table + 4 * i));
  }
  static VecF zero(VecF z) { return z; }
  inline LOWBIT_ALWAYS_INLINE VecF weight(VecI codes, VecF) const {
    const uint32x4_t code = vreinterpretq_u32_s32(vandq_s32(codes, broadcast_i(15)));
    const uint32x4_t bytes = vmlaq_n_u32(vdupq_n_u32(0x03020100u), code, 0x04040404u);
    return vreinterpretq_f32_u8(vqtbl4q_u8(levels, vreinterpretq_u8_u32(bytes)));
  }
};

/// Tables of 256 levels are looked up in memory.
constexpr bool in_registers(Kind kind) {
  return kind == Kind::middle || kind == Kind::zeros || (kind == Kind::table && kCodeBits == 4);
}

}  // namespace
}  // namespace lowbit::kernels::f32
