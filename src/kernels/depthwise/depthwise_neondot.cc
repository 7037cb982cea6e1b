// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution on SDOT: the codes of four input rows are interleaved so that each 32-bit lane holds
// four taps of one channel. Activations lose their sign bit (u8 -> s8) on the way; 128 * (sum of the weights)
// in the panel undoes it.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/depthwise_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/depthwise/depthwise_neon.inl"

namespace lowbit::kernels::depthwise {
namespace {

constexpr unsigned kTaps = 4, kUnit = 1;
constexpr std::size_t kColumnBytes = 64, kTapBytes = 16, kWeightBytes = 64, kUnitBytes = 16;
constexpr std::int32_t kMinWeight = -128, kMaxWeight = 127;
constexpr bool kSignFlip = true, kSharesRows = true;

using Taps = int8x16_t;
using Weights = int8x16_t;
struct Column {
  Taps taps[4];
};

inline void set_weight(std::byte* step, unsigned term, unsigned tap, std::int32_t weight) {
  step[term * 4 + tap] = static_cast<std::byte>(weight);
}

inline Column interleave(const Codes* rows) {
  const uint8x16_t flip = vdupq_n_u8(0x80);
  const uint8x16_t r0 = veorq_u8(rows[0], flip), r1 = veorq_u8(rows[1], flip);
  const uint8x16_t r2 = veorq_u8(rows[2], flip), r3 = veorq_u8(rows[3], flip);
  const uint16x8_t a = vreinterpretq_u16_u8(vzip1q_u8(r0, r1)), b = vreinterpretq_u16_u8(vzip2q_u8(r0, r1));
  const uint16x8_t c = vreinterpretq_u16_u8(vzip1q_u8(r2, r3)), d = vreinterpretq_u16_u8(vzip2q_u8(r2, r3));
  return {{vreinterpretq_s8_u16(vzip1q_u16(a, c)), vreinterpretq_s8_u16(vzip2q_u16(a, c)),
           vreinterpretq_s8_u16(vzip1q_u16(b, d)), vreinterpretq_s8_u16(vzip2q_u16(b, d))}};
}
inline void store_column(std::byte* p, const Column& column) {
  for (unsigned i = 0; i < 4; ++i) vst1q_s8(reinterpret_cast<std::int8_t*>(p) + 16 * i, column.taps[i]);
}
inline Taps taps_of(const Column& column, unsigned unit) {
  return column.taps[unit];
}
inline Taps load_taps(const std::byte* p) {
  return vld1q_s8(reinterpret_cast<const std::int8_t*>(p));
}
inline Weights load_weights(const std::byte* p) {
  return vld1q_s8(reinterpret_cast<const std::int8_t*>(p));
}
inline void multiply_add(VecI* acc, Taps taps, Weights weights) {
  acc[0] = vdotq_s32(acc[0], taps, weights);
}

}  // namespace
}  // namespace lowbit::kernels::depthwise

#include "kernels/depthwise/depthwise_finish.inl"

#include "kernels/depthwise/depthwise_window3_32_registers.inl"

#include "kernels/depthwise/depthwise_run.inl"

namespace lowbit::kernels {

extern constinit const DepthwiseKernel kDepthwiseNeondot =
    depthwise::depthwise_kernel("depthwise/neondot", Isa::neon | Isa::neondot, 2);

}  // namespace lowbit::kernels
