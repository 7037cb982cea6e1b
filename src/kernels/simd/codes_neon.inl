// SPDX-License-Identifier: Apache-2.0
// Codes for Advanced SIMD: the words and bytes of elementwise.inl, beside the lanes of vec_neon.inl.
// codes_avx2.inl says what each name means.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/vec_neon.inl"

namespace lowbit::kernels {
namespace {

constexpr unsigned kBlock = 4 * kLanes;
using VecW = int16x8_t;
using VecB = uint8x16_t;

inline VecB load_b(const std::uint8_t* p) {
  return vld1q_u8(p);
}
inline void store_b(std::uint8_t* p, VecB v) {
  vst1q_u8(p, v);
}
inline VecW broadcast_w(std::int32_t v) {
  return vdupq_n_s16(static_cast<std::int16_t>(v));
}
inline VecB broadcast_b(std::int32_t v) {
  return vdupq_n_u8(static_cast<std::uint8_t>(v));
}

inline VecW pack_words(VecI a, VecI b) {
  return vqmovn_high_s32(vqmovn_s32(a), b);
}
inline VecB pack_u8(VecW a, VecW b) {
  return vqmovun_high_s16(vqmovun_s16(a), b);
}
inline VecB pack_s8(VecW a, VecW b) {
  return vreinterpretq_u8_s8(vqmovn_high_s16(vqmovn_s16(a), b));
}
inline VecB in_order(VecB v) {
  return v;
}

inline VecW add_words_saturating(VecW a, VecW b) {
  return vqaddq_s16(a, b);
}
inline VecB clamp_u8(VecB v, VecB lo, VecB hi) {
  return vminq_u8(vmaxq_u8(v, lo), hi);
}
inline VecB clamp_s8(VecB v, VecB lo, VecB hi) {
  const int8x16_t above = vmaxq_s8(vreinterpretq_s8_u8(v), vreinterpretq_s8_u8(lo));
  return vreinterpretq_u8_s8(vminq_s8(above, vreinterpretq_s8_u8(hi)));
}
inline VecB xor_b(VecB a, VecB b) {
  return veorq_u8(a, b);
}
inline VecB and_b(VecB a, VecB b) {
  return vandq_u8(a, b);
}
struct ByteTable {
  uint8x16x4_t quarters[4];
};
inline ByteTable load_table(const std::uint8_t* p) {
  ByteTable t;
  for (int q = 0; q < 4; ++q)
    for (int r = 0; r < 4; ++r) t.quarters[q].val[r] = vld1q_u8(p + 64 * q + 16 * r);
  return t;
}
// A lookup outside of a quarter gives 0, or keeps what was found before.
inline VecB look_up(const ByteTable& t, VecB x) {
  VecB found = vqtbl4q_u8(t.quarters[0], x);
  found = vqtbx4q_u8(found, t.quarters[1], vsubq_u8(x, vdupq_n_u8(64)));
  found = vqtbx4q_u8(found, t.quarters[2], vsubq_u8(x, vdupq_n_u8(128)));
  return vqtbx4q_u8(found, t.quarters[3], vsubq_u8(x, vdupq_n_u8(192)));
}
inline VecI accumulate_u8(VecI sum, VecB codes) {
  return vreinterpretq_s32_u32(vpadalq_u16(vreinterpretq_u32_s32(sum), vpaddlq_u8(codes)));
}

inline VecI load_codes_u8(const std::uint8_t* p) {
  std::uint32_t four;
  __builtin_memcpy(&four, p, 4);
  return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}
inline VecI load_codes_s8(const std::uint8_t* p) {
  std::uint32_t four;
  __builtin_memcpy(&four, p, 4);
  return vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four))));
}

inline VecF poison(VecF acc, VecF x) {
  return vfmaq_f32(acc, x, vdupq_n_f32(0.0f));
}

inline float smallest_lane(VecF v) {
  return vminvq_f32(v);
}
inline float largest_lane(VecF v) {
  return vmaxvq_f32(v);
}

inline VecB pack_nibbles(const std::uint8_t* p) {
  const uint8x16x2_t c = vld2q_u8(p);
  return vsliq_n_u8(vandq_u8(c.val[0], vdupq_n_u8(15)), c.val[1], 4);
}
inline VecB pack_crumbs(const std::uint8_t* p) {
  const uint8x16x4_t c = vld4q_u8(p);
  return vsliq_n_u8(vsliq_n_u8(vsliq_n_u8(c.val[0], c.val[1], 2), c.val[2], 4), c.val[3], 6);
}
inline VecB unpack_nibbles(const std::uint8_t* p) {
  const uint8x8_t b = vld1_u8(p), low = vand_u8(b, vdup_n_u8(15)), high = vshr_n_u8(b, 4);
  return vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high));
}
// Nibbles are pairs of codes.
inline VecB unpack_crumbs(const std::uint8_t* p) {
  std::uint32_t four;
  __builtin_memcpy(&four, p, 4);
  const uint8x8_t b = vcreate_u8(four), n = vzip1_u8(vand_u8(b, vdup_n_u8(15)), vshr_n_u8(b, 4));
  const uint8x8_t low = vand_u8(n, vdup_n_u8(3)), high = vshr_n_u8(n, 2);
  return vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high));
}

/// Conversions to int32 saturate and turn NaN into 0: nothing to watch.
constexpr bool kWatchConversions = false;
struct InvalidFlag {
  explicit InvalidFlag(bool /*watch*/) {}
  void clear() {}
  bool raised() { return false; }
  void restore() {}
};

}  // namespace
}  // namespace lowbit::kernels
