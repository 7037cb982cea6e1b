// SPDX-License-Identifier: Apache-2.0
// What the depthwise kernels for Advanced SIMD share: loads, the way from sums to codes, stores.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_neon.inl"

namespace lowbit::kernels::depthwise {
namespace {

constexpr unsigned kBytes = 16;

using Codes = uint8x16_t;
using Halves = int16x8_t;
struct Limits {
  int16x8_t zero;
  uint8x16_t lo, hi;
};

template <unsigned kWidth>
inline Codes load_codes(const std::uint8_t* const* p) {
  return vld1q_u8(p[0]);
}
inline Codes load_few(const std::uint8_t* const* p, std::uint32_t count) {
  std::uint8_t buffer[16] = {};
  for (std::uint32_t t = 0; t < count; t += 4) __builtin_memcpy(buffer + t, p[0] + t, 4);
  return vld1q_u8(buffer);
}

inline VecI load_quads_i(const std::int32_t* const* p) {
  return vld1q_s32(p[0]);
}
inline VecF load_quads_f(const float* const* p) {
  return vld1q_f32(p[0]);
}

inline Limits limits_of(std::int32_t zero, std::uint8_t lo, std::uint8_t hi) {
  return {vdupq_n_s16(static_cast<std::int16_t>(zero)), vdupq_n_u8(lo), vdupq_n_u8(hi)};
}
inline Halves halve(VecI a, VecI b, const Limits& limits) {
  return vqaddq_s16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)), limits.zero);
}
inline Codes join(const Halves* halves, const Limits& limits) {
  const uint8x16_t codes = vcombine_u8(vqmovun_s16(halves[0]), vqmovun_s16(halves[1]));
  return vminq_u8(vmaxq_u8(codes, limits.lo), limits.hi);
}
inline void store_codes(std::uint8_t* p, Codes codes) {
  vst1q_u8(p, codes);
}

inline void widen(Codes codes, VecI (&out)[4]) {
  const uint16x8_t low = vmovl_u8(vget_low_u8(codes)), high = vmovl_high_u8(codes);
  out[0] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low)));
  out[1] = vreinterpretq_s32_u32(vmovl_high_u16(low));
  out[2] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high)));
  out[3] = vreinterpretq_s32_u32(vmovl_high_u16(high));
}
inline void order(VecI (&)[4]) {}
inline VecI bits_of(VecF f) {
  return vreinterpretq_s32_f32(f);
}

inline void lookup(const std::uint8_t* table, const std::uint8_t* index, std::uint32_t offset,
                   std::uint8_t* out) {
  const uint8x16_t at = vaddq_u8(vld1q_u8(index), vdupq_n_u8(static_cast<std::uint8_t>(offset)));
  vst1q_u8(out, vqtbl1q_u8(vld1q_u8(table), at));
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
