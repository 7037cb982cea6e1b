// SPDX-License-Identifier: Apache-2.0
// The vector vocabulary of epilogue.inl and elementwise.inl for Advanced SIMD. vec_scalar.inl says what each
// name means.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#define LOWBIT_VECTOR_BITS 128

namespace lowbit::kernels {
namespace {

constexpr unsigned kLanes = 4;
using VecI = int32x4_t;
using VecF = float32x4_t;

inline VecI load_i(const std::int32_t* p) {
  return vld1q_s32(p);
}
inline VecF load_f(const float* p) {
  return vld1q_f32(p);
}
inline void store_i(std::int32_t* p, VecI v) {
  vst1q_s32(p, v);
}
inline void store_f(float* p, VecF v) {
  vst1q_f32(p, v);
}
inline VecI broadcast_i(std::int32_t v) {
  return vdupq_n_s32(v);
}
inline VecF broadcast_f(float v) {
  return vdupq_n_f32(v);
}

inline VecI add_i(VecI a, VecI b) {
  return vaddq_s32(a, b);
}
inline VecI sub_i(VecI a, VecI b) {
  return vsubq_s32(a, b);
}
inline VecI mul_i(VecI a, VecI b) {
  return vmulq_s32(a, b);
}

inline VecF add_f(VecF a, VecF b) {
  return vaddq_f32(a, b);
}
inline VecF sub_f(VecF a, VecF b) {
  return vsubq_f32(a, b);
}
inline VecF mul_f(VecF a, VecF b) {
  return vmulq_f32(a, b);
}
inline VecF to_float(VecI a) {
  return vcvtq_f32_s32(a);
}
inline VecF fma_f(VecF a, VecF b, VecF c) {
  return vfmaq_f32(c, a, b);
}

// Compare and select: fmax and fmin treat NaN and signed zeros in their own way.
inline VecF clamp_below(VecF f, VecF lo) {
  return vbslq_f32(vcltq_f32(f, lo), lo, f);
}
inline VecF clamp_above(VecF f, VecF hi) {
  return vbslq_f32(vcgtq_f32(f, hi), hi, f);
}
inline VecF nan_to_zero(VecF f) {
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(f), vceqq_f32(f, f)));
}

inline VecI round_to_int(VecF f) {
  return vcvtnq_s32_f32(f);
}

inline VecF load_u8_as_float(const std::uint8_t* p) {
  std::uint32_t four;
  __builtin_memcpy(&four, p, 4);
  const uint16x8_t words = vmovl_u8(vcreate_u8(four));
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(words)));
}
inline void store_u8(std::uint8_t* p, VecI v) {
  const uint16x4_t words = vqmovun_s32(v);
  const std::uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vqmovn_u16(vcombine_u16(words, words))), 0);
  __builtin_memcpy(p, &four, 4);
}
inline VecI broadcast_i16(std::int32_t v) {
  return vreinterpretq_s32_s16(vdupq_n_s16(static_cast<std::int16_t>(v)));
}
inline VecI broadcast_u8(std::int32_t v) {
  return vreinterpretq_s32_u8(vdupq_n_u8(static_cast<std::uint8_t>(v)));
}
inline void store_four_u8(std::uint8_t* p, const VecI* v, VecI zero_point, VecI lo) {
  const int16x8_t zero = vreinterpretq_s16_s32(zero_point);
  const int16x8_t low = vqaddq_s16(vcombine_s16(vqmovn_s32(v[0]), vqmovn_s32(v[1])), zero);
  const int16x8_t high = vqaddq_s16(vcombine_s16(vqmovn_s32(v[2]), vqmovn_s32(v[3])), zero);
  const uint8x16_t bytes = vcombine_u8(vqmovun_s16(low), vqmovun_s16(high));
  vst1q_u8(p, vmaxq_u8(bytes, vreinterpretq_u8_s32(lo)));
}

using Mask = uint32x4_t;
inline Mask is_finite(VecF f) {
  return vceqq_f32(vsubq_f32(f, f), vdupq_n_f32(0.0f));
}
inline VecF select_f(Mask m, VecF a, VecF b) {
  return vbslq_f32(m, a, b);
}
inline unsigned count_true(Mask m) {
  return vaddvq_u32(vshrq_n_u32(m, 31));
}
inline VecF smaller(VecF a, VecF b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}
inline VecF larger(VecF a, VecF b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}

inline VecF div_f(VecF a, VecF b) {
  return vdivq_f32(a, b);
}
inline VecI bits_of(VecF f) {
  return vreinterpretq_s32_f32(f);
}
inline VecF from_bits(VecI v) {
  return vreinterpretq_f32_s32(v);
}
template <int kBits>
inline VecI shift_left(VecI v) {
  return vshlq_n_s32(v, kBits);
}
inline VecI half_i(VecI v) {
  return vshrq_n_s32(v, 1);
}
inline VecF abs_f(VecF f) {
  return vabsq_f32(f);
}
inline VecF negated(VecF f) {
  return vnegq_f32(f);
}
inline VecF with_sign(VecF f, VecF s) {
  return vbslq_f32(vdupq_n_u32(0x80000000u), s, f);
}
inline Mask is_less(VecF a, VecF b) {
  return vcltq_f32(a, b);
}

}  // namespace
}  // namespace lowbit::kernels
