// SPDX-License-Identifier: Apache-2.0
// slide() for kernels with 16 registers: every column is added at once to the sums of all output pixels
// under whose window it lies, unit by unit, and the sums of pixels that are not complete wait in memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/depthwise/depthwise_tiling.inl"

namespace lowbit::kernels::depthwise {
namespace {

/// Sums of one output pixel.
template <unsigned kRows>
struct alignas(64) Waiting {
  std::int32_t sums[kVectors][kRows][kLanes];
};

template <unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void load_unit(const Waiting<kRows>& from, unsigned unit,
                                           VecI (&acc)[kRows][kUnit]) {
#pragma GCC unroll 4
  for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (unsigned i = 0; i < kUnit; ++i) acc[r][i] = load_i(from.sums[unit * kUnit + i][r]);
}

template <unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void store_unit(const VecI (&acc)[kRows][kUnit], unsigned unit,
                                            Waiting<kRows>& to) {
#pragma GCC unroll 4
  for (unsigned r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (unsigned i = 0; i < kUnit; ++i) store_i(to.sums[unit * kUnit + i][r], acc[r][i]);
}

/// Adds one unit of a column as tap kx of the window.
template <unsigned kRows>
inline LOWBIT_ALWAYS_INLINE void add_unit(const BlockJob& job, const Taps& taps, unsigned kx, unsigned unit,
                                          VecI (&acc)[kRows][kUnit]) {
  add_step<kRows>(acc, taps, job.weights + kx * kRows * kWeightBytes, unit);
}

/// Adds a whole column as tap kx to a pixel, which starts at tap 0.
template <unsigned kRows>
void add_column(const BlockJob& job, const Column& column, unsigned kx, Waiting<kRows>& to) {
#pragma GCC unroll 4
  for (unsigned unit = 0; unit < kVectors / kUnit; ++unit) {
    VecI acc[kRows][kUnit];
    load_unit(to, unit, acc);
    if (kx == 0)
      for (unsigned r = 0; r < kRows; ++r)
        for (unsigned i = 0; i < kUnit; ++i)
          acc[r][i] = load_i(job.terms->constant + (unit * kUnit + i) * kLanes);
    add_unit<kRows>(job, taps_of(column, unit), kx, unit, acc);
    store_unit(acc, unit, to);
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
  Waiting<kRows> memory[3];
  Waiting<kRows>*now = &memory[0], *next = &memory[1], *after = &memory[2];
  std::uint32_t x = 0;
  Column c = next_column(from, x++), b = c;
  add_column(job, c, 0, *now);
  if constexpr (kStride == 1) {
    c = next_column(from, x++);
    add_column(job, c, 1, *now);
    add_column(job, c, 0, *next);
  }
  for (std::size_t pixel = 0; pixel < place.pixels; ++pixel) {
    if constexpr (kStride == 2) b = next_column(from, x++);
    c = next_column(from, x++);
    Codes codes[kRows];
    codes_of<kRows>(
        *job.terms, job.limits,
        [&](VecI(&acc)[kRows][kUnit], unsigned unit) LOWBIT_ALWAYS_INLINE {
          const Taps taps = taps_of(c, unit);
          add_unit<kRows>(job, taps, 0, unit, acc);  // the accumulators come as constants
          store_unit(acc, unit, kStride == 1 ? *after : *next);
          if constexpr (kStride == 1) {
            load_unit(*next, unit, acc);
            add_unit<kRows>(job, taps, 1, unit, acc);
            store_unit(acc, unit, *next);
          }
          load_unit(*now, unit, acc);
          if constexpr (kStride == 2) add_unit<kRows>(job, taps_of(b, unit), 1, unit, acc);
          add_unit<kRows>(job, taps, 2, unit, acc);
        },
        codes);
    put_codes<kWidth, kRows>(job, to, stage, pixel, codes, out);
    Waiting<kRows>* const free = now;
    now = next;
    next = kStride == 1 ? after : free;
    after = free;
  }
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
