// SPDX-License-Identifier: Apache-2.0
// slide() for kernels with 32 registers: the three columns under a window stay in them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/depthwise/depthwise_tiling.inl"

namespace lowbit::kernels::depthwise {
namespace {

template <unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void slide_sums(const BlockJob& job, const Column& a, const Column& b,
                                            const Column& c, VecI (&sums)[kVectors][kRows]) {
#pragma GCC unroll 4
  for (unsigned unit = 0; unit < kVectors / kUnit; ++unit) {
    VecI acc[kRows][kUnit];
#pragma GCC unroll 4
    for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (unsigned i = 0; i < kUnit; ++i)
        acc[r][i] = load_i(job.terms->constant + (unit * kUnit + i) * kLanes);
    add_step<kRows>(acc, taps_of(a, unit), job.weights, unit);
    add_step<kRows>(acc, taps_of(b, unit), job.weights + kRows * kWeightBytes, unit);
    add_step<kRows>(acc, taps_of(c, unit), job.weights + 2 * kRows * kWeightBytes, unit);
#pragma GCC unroll 4
    for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (unsigned i = 0; i < kUnit; ++i) sums[unit * kUnit + i][r] = acc[r][i];
  }
}

/// One group of rows in each segment: all its output pixels.
template <unsigned kWidth, unsigned kRows, unsigned kStride, unsigned kUsed>
inline LOWBIT_ALWAYS_INLINE void slide_group(const BlockJob& job, const Place& place,
                                             ColumnSource<kWidth, kUsed>& from) {
  const OutPixels to = out_pixels<kWidth>(job, place);
  alignas(64) std::uint8_t stage[kRows][kBytes];
  OutRow out[kRows];
  direct_rows<kWidth, kRows>(job, to, stage, out);
  std::uint32_t x = 0;
  Column a = next_column(from, x++), b = next_column(from, x++), c = next_column(from, x++);
  VecI sums[kVectors][kRows];
  slide_sums<kRows>(job, a, b, c, sums);
  // The codes of a pixel are finished between the shuffles and the products of the next one, so that the
  // processor always finds work that is ready.
  for (std::size_t pixel = 0;; ++pixel) {
    const bool last = pixel + 1 == place.pixels;
    if (!last) {
      a = kStride == 1 ? b : c;
      b = kStride == 1 ? c : next_column(from, x++);
      c = next_column(from, x++);
    }
    Codes codes[kRows];
    codes_of<kRows>(
        *job.terms, job.limits,
        [&](VecI(&acc)[kRows][kUnit], unsigned unit) LOWBIT_ALWAYS_INLINE {
#pragma GCC unroll 4
          for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 4
            for (unsigned i = 0; i < kUnit; ++i) acc[r][i] = sums[unit * kUnit + i][r];
        },
        codes);
    put_codes<kWidth, kRows>(job, to, stage, pixel, codes, out);
    if (last) break;
    slide_sums<kRows>(job, a, b, c, sums);
  }
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
