// SPDX-License-Identifier: Apache-2.0
// Reads input pixels and interleaves the rows of a bundle, one column after the other. The kernel file has
// defined
//   Codes                    a vector of kBytes codes
//   load_codes<kWidth>(p)    kBytes / kWidth pieces of kWidth codes, one from each pointer
//   load_few(p, count)       kMaxSegments pieces of `count` codes, a multiple of 4 up to kMinWidth
//   Column, interleave(rows) kTaps vectors of codes as tap vectors
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/depthwise/depthwise_plan.inl"

namespace lowbit::kernels::depthwise {
namespace {

constexpr unsigned kMaxSegments = kBytes / kMinWidth;

/// Segments of blocks of kWidth channels; kWidth 0: a block of fewer than kMinWidth.
template <unsigned kWidth>
constexpr unsigned kSegments = kWidth == 0 ? kMaxSegments : kBytes / kWidth;

/// A walk through the columns of one bundle, of which kUsed rows have weights. Rows in the padding have step
/// 0, so that only columns need a branch.
template <unsigned kWidth, unsigned kUsed = kTaps>
struct ColumnSource {
  const std::uint8_t* at[kUsed][kSegments<kWidth>];  ///< the next column inside of the image
  std::ptrdiff_t step[kUsed][kSegments<kWidth>];
  const std::uint8_t* zero;
  std::uint32_t first, last;  ///< columns [first, last) are inside
  std::uint32_t readable;     ///< codes of a block of few channels, rounded up to a multiple of 4
};

template <unsigned kWidth>
inline Codes load_row(const std::uint8_t* const* p, std::uint32_t readable) {
  if constexpr (kWidth == 0) {
    return load_few(p, readable);
  } else {
    return load_codes<kWidth>(p);
  }
}

/// Column x; those inside are taken in order.
template <unsigned kWidth, unsigned kUsed>
inline LOWBIT_ALWAYS_INLINE Column next_column(ColumnSource<kWidth, kUsed>& from, std::uint32_t x) {
  Codes rows[kTaps];
  if (x - from.first < from.last - from.first) {
#pragma GCC unroll 16
    for (unsigned t = 0; t < kUsed; ++t) {
      rows[t] = load_row<kWidth>(from.at[t], from.readable);
#pragma GCC unroll 16
      for (unsigned s = 0; s < kSegments<kWidth>; ++s) from.at[t][s] += from.step[t][s];
    }
  } else {
    const std::uint8_t* zeros[kSegments<kWidth>];
#pragma GCC unroll 16
    for (unsigned s = 0; s < kSegments<kWidth>; ++s) zeros[s] = from.zero;
    rows[0] = load_row<kWidth>(zeros, from.readable);
#pragma GCC unroll 16
    for (unsigned t = 1; t < kUsed; ++t) rows[t] = rows[0];
  }
#pragma GCC unroll 16
  for (unsigned t = kUsed; t < kTaps; ++t) rows[t] = rows[kUsed - 1];
  return interleave(rows);
}

/// Passes over columns that no output needs.
template <unsigned kWidth>
inline void skip_columns(ColumnSource<kWidth>& from, std::uint32_t x, std::uint32_t count) {
  for (; count > 0; --count, ++x) {
    if (x - from.first >= from.last - from.first) continue;
    for (unsigned t = 0; t < kTaps; ++t)
      for (unsigned s = 0; s < kSegments<kWidth>; ++s) from.at[t][s] += from.step[t][s];
  }
}

}  // namespace
}  // namespace lowbit::kernels::depthwise
