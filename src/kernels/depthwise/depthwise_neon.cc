// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution on plain Advanced SIMD: codes are widened to int16, and smlal multiplies and adds one
// tap at a time, so that nothing has to be interleaved. A bundle is three rows, those of the usual window.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/depthwise_kernel.h"

#include "kernels/simd/vec_neon.inl"

#include "kernels/depthwise/depthwise_neon.inl"

namespace lowbit::kernels::depthwise {
namespace {

constexpr unsigned kTaps = 3, kUnit = 2;
constexpr std::size_t kColumnBytes = 96, kTapBytes = 48, kWeightBytes = 96, kUnitBytes = 48;
constexpr std::int32_t kMinWeight = -255, kMaxWeight = 255;
constexpr bool kSignFlip = false, kSharesRows = false;  // an unused tap costs as much as a used one

struct Taps {
  int16x8_t row[kTaps];
};
using Weights = Taps;
struct Column {
  Taps taps[2];
};

inline void set_weight(std::byte* step, unsigned term, unsigned tap, std::int32_t weight) {
  auto* unit = reinterpret_cast<std::int16_t*>(step) + term / 8 * 24;
  unit[tap * 8 + term % 8] = static_cast<std::int16_t>(weight);
}

inline Column interleave(const Codes* rows) {
  Column column;
  for (unsigned t = 0; t < kTaps; ++t) {
    column.taps[0].row[t] = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(rows[t])));
    column.taps[1].row[t] = vreinterpretq_s16_u16(vmovl_high_u8(rows[t]));
  }
  return column;
}
inline void store_column(std::byte* p, const Column& column) {
  auto* out = reinterpret_cast<std::int16_t*>(p);
  for (unsigned u = 0; u < 2; ++u)
    for (unsigned t = 0; t < kTaps; ++t) vst1q_s16(out + 24 * u + 8 * t, column.taps[u].row[t]);
}
inline Taps taps_of(const Column& column, unsigned unit) {
  return column.taps[unit];
}
inline Taps load_taps(const std::byte* p) {
  const auto* in = reinterpret_cast<const std::int16_t*>(p);
  return {{vld1q_s16(in), vld1q_s16(in + 8), vld1q_s16(in + 16)}};
}
inline Weights load_weights(const std::byte* p) {
  return load_taps(p);
}
inline void multiply_add(VecI* acc, const Taps& taps, const Weights& weights) {
#pragma GCC unroll 4
  for (unsigned t = 0; t < kTaps; ++t) {
    acc[0] = vmlal_s16(acc[0], vget_low_s16(taps.row[t]), vget_low_s16(weights.row[t]));
    acc[1] = vmlal_high_s16(acc[1], taps.row[t], weights.row[t]);
  }
}

}  // namespace
}  // namespace lowbit::kernels::depthwise

#include "kernels/depthwise/depthwise_finish.inl"

#include "kernels/depthwise/depthwise_window3_32_registers.inl"

#include "kernels/depthwise/depthwise_run.inl"

namespace lowbit::kernels {

extern constinit const DepthwiseKernel kDepthwiseNeon =
    depthwise::depthwise_kernel("depthwise/neon", Isa::neon, 1);

}  // namespace lowbit::kernels
