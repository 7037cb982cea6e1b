// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a depthwise kernel: sums of the rows of a group at one output pixel, and from there to
// u8 codes without leaving the registers. The kernel file has defined
//   kUnit                    vectors of sums that one tap vector feeds
//   Taps, taps_of(column, unit)             kVectors / kUnit tap vectors of a column
//   load_weights(p), kUnitBytes             weights of one tap vector
//   multiply_add(acc, taps, weights)        acc[0 .. kUnit)
//   Limits, limits_of(zero_point, lo, hi)
//   Halves, halve(a, b, limits)             int32 to int16 + zero point, saturating
//   join(halves, limits)                    kVectors / 2 of them to u8, saturating, then limited to [lo, hi]
//   store_codes(p, codes)
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/depthwise/depthwise_plan.inl"

namespace lowbit::kernels::depthwise {
namespace {

/// The terms of one block of channels, in the order of term_of_lane().
struct BlockTerms {
  alignas(64) std::int32_t constant[kBytes];
  alignas(64) float multiplier[kBytes];
  alignas(64) float addend[kBytes];
};

/// One step into accumulators [unit * kUnit, ...): `weights` are those of the step.
template <unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void add_step(VecI (&acc)[kRows][kUnit], const Taps& taps,
                                          const std::byte* weights, unsigned unit) {
#pragma GCC unroll 16
  for (unsigned r = 0; r < kRows; ++r)
    multiply_add(acc[r], taps, load_weights(weights + r * kWeightBytes + unit * kUnitBytes));
}

/// The float half of the epilogue for u8 codes. Clamping after rounding is the same as before, since rounding
/// is monotone and the limits are rounded too, and takes one instruction for kBytes codes; set_terms() says
/// when the conversion allows it.
template <unsigned kRows, class Accumulate>
inline LOWBIT_ALWAYS_INLINE void codes_of(const BlockTerms& terms, const Limits& limits,
                                          const Accumulate& accumulate, Codes (&out)[kRows]) {
  Halves halves[kRows][kVectors / 2];
#pragma GCC unroll 4
  for (unsigned h = 0; h < kVectors / 2; ++h) {
    VecI codes[kRows][2];
#pragma GCC unroll 4
    for (unsigned u = 0; u < 2; u += kUnit) {
      VecI acc[kRows][kUnit];
#pragma GCC unroll 16
      for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 4
        for (unsigned i = 0; i < kUnit; ++i) acc[r][i] = load_i(terms.constant + (2 * h + u + i) * kLanes);
      accumulate(acc, (2 * h + u) / kUnit);
#pragma GCC unroll 4
      for (unsigned i = 0; i < kUnit; ++i) {
        const VecF multiplier = load_f(terms.multiplier + (2 * h + u + i) * kLanes);
        const VecF addend = load_f(terms.addend + (2 * h + u + i) * kLanes);
#pragma GCC unroll 16
        for (unsigned r = 0; r < kRows; ++r)
          codes[r][u + i] = round_to_int(add_f(mul_f(to_float(acc[r][i]), multiplier), addend));
      }
    }
#pragma GCC unroll 16
    for (unsigned r = 0; r < kRows; ++r) halves[r][h] = halve(codes[r][0], codes[r][1], limits);
  }
#pragma GCC unroll 16
  for (unsigned r = 0; r < kRows; ++r) out[r] = join(halves[r], limits);
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
