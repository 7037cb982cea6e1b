// SPDX-License-Identifier: Apache-2.0
// How packed codes become int8 weights in registers, one policy a format. What a policy offers to
// neon_panel.inl and neon_loops.inl:
//   kFormat, kBits     the canonical format; bits of a code in the panel
//   kShift             decoded values are weight << kShift; the sums are shifted back
//   kZeroPoints        the panel holds zero points, and codes as files store them
//   kTables            the panel holds the levels that codes index
//   kMaxWeight         bound of the absolute decoded value; at 128 it may be -128
//   decode(p, c, v, w) 8 / kBits vectors, v and the next, from the 16 bytes p. c: for each vector of a step,
//   the
//                      zero points of its columns or the table of its column
//
// A byte of a packed vector holds the same byte of 8 / kBits consecutive vectors of int8 weights, the lowest
// bits that of the first.
//
// Without zero points of their own, codes are stored as two's complement numbers. Moved to the top of a byte
// (one instruction, or one and a half for two bits) they are the weight times 16 or 64, and no zero point is
// subtracted.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"
#include "lowbit/kernels/gemm_kernel.h"

#ifndef LOWBIT_NEON_ENGINE
#error "the kernel file chooses an engine first: neon_engine_<instruction>.inl"
#endif

namespace lowbit::kernels::neon {
namespace {

struct S8 {
  static constexpr WeightFormat kFormat = WeightFormat::s8;
  static constexpr unsigned kBits = 8, kShift = 0, kMaxWeight = 128;
  static constexpr bool kZeroPoints = false, kTables = false;
  static inline LOWBIT_ALWAYS_INLINE void decode(uint8x16_t p, const int8x16_t*, unsigned, int8x16_t* w) {
    w[0] = vreinterpretq_s8_u8(p);
  }
};

struct U4Signed {
  static constexpr WeightFormat kFormat = WeightFormat::u4;
  static constexpr unsigned kBits = 4, kShift = 4, kMaxWeight = 128;
  static constexpr bool kZeroPoints = false, kTables = false;
  static inline LOWBIT_ALWAYS_INLINE void decode(uint8x16_t p, const int8x16_t*, unsigned, int8x16_t* w) {
    w[0] = vreinterpretq_s8_u8(vshlq_n_u8(p, 4));
    w[1] = vreinterpretq_s8_u8(vandq_u8(p, vdupq_n_u8(0xF0)));
  }
};

struct U4Affine {
  static constexpr WeightFormat kFormat = WeightFormat::u4;
  static constexpr unsigned kBits = 4, kShift = 0, kMaxWeight = 15;
  static constexpr bool kZeroPoints = true, kTables = false;
  static inline LOWBIT_ALWAYS_INLINE void decode(uint8x16_t p, const int8x16_t* zero, unsigned v,
                                                 int8x16_t* w) {
    w[0] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(p, vdupq_n_u8(15))), zero[v % Engine::kStepVecs]);
    w[1] = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(p, 4)), zero[(v + 1) % Engine::kStepVecs]);
  }
};

struct Lut4 {
  static constexpr WeightFormat kFormat = WeightFormat::lut4;
  static constexpr unsigned kBits = 4, kShift = 0, kMaxWeight = 128;
  static constexpr bool kZeroPoints = false, kTables = true;
  static inline LOWBIT_ALWAYS_INLINE void decode(uint8x16_t p, const int8x16_t* table, unsigned v,
                                                 int8x16_t* w) {
    w[0] = vqtbl1q_s8(table[v % Engine::kStepVecs], vandq_u8(p, vdupq_n_u8(15)));
    w[1] = vqtbl1q_s8(table[(v + 1) % Engine::kStepVecs], vshrq_n_u8(p, 4));
  }
};

struct S2Signed {
  static constexpr WeightFormat kFormat = WeightFormat::s2;
  static constexpr unsigned kBits = 2, kShift = 6, kMaxWeight = 128;
  static constexpr bool kZeroPoints = false, kTables = false;
  static inline LOWBIT_ALWAYS_INLINE void decode(uint8x16_t p, const int8x16_t*, unsigned, int8x16_t* w) {
    const uint8x16_t top = vdupq_n_u8(0xC0);
    w[0] = vreinterpretq_s8_u8(vshlq_n_u8(p, 6));
    w[1] = vreinterpretq_s8_u8(vandq_u8(vshlq_n_u8(p, 4), top));
    w[2] = vreinterpretq_s8_u8(vandq_u8(vshlq_n_u8(p, 2), top));
    w[3] = vreinterpretq_s8_u8(vandq_u8(p, top));
  }
};

struct S2Affine {
  static constexpr WeightFormat kFormat = WeightFormat::s2;
  static constexpr unsigned kBits = 2, kShift = 0, kMaxWeight = 3;
  static constexpr bool kZeroPoints = true, kTables = false;
  static inline LOWBIT_ALWAYS_INLINE void decode(uint8x16_t p, const int8x16_t* zero, unsigned v,
                                                 int8x16_t* w) {
    const uint8x16_t low = vdupq_n_u8(3);
    const uint8x16_t codes[4] = {vandq_u8(p, low), vandq_u8(vshrq_n_u8(p, 2), low),
                                 vandq_u8(vshrq_n_u8(p, 4), low), vshrq_n_u8(p, 6)};
#pragma GCC unroll 64
    for (unsigned f = 0; f < 4; ++f)
      w[f] = vsubq_s8(vreinterpretq_s8_u8(codes[f]), zero[(v + f) % Engine::kStepVecs]);
  }
};

}  // namespace
}  // namespace lowbit::kernels::neon
