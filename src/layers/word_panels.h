// SPDX-License-Identifier: Apache-2.0
// Codes less their zero points, as the word kernels read them: rows side by side, or panels of columns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/words/word_kernel.h"
#include "layers/step_common.h"

namespace lowbit::ops {

/// A matrix of codes wherever it lies; strides in codes.
struct CodeMatrix {
  const std::uint8_t* codes = nullptr;
  std::int64_t rows = 0, cols = 0, row_stride = 0, col_stride = 1;
  int zero_point = 0;

  std::int16_t word(std::int64_t r, std::int64_t c) const {
    return static_cast<std::int16_t>(codes[r * row_stride + c * col_stride] - zero_point);
  }
};

/// Scratch memory of so many elements, in whole cache lines.
template <class T>
std::size_t scratch_bytes_of(std::int64_t elements) {
  return static_cast<std::size_t>(round_up(elements * static_cast<std::int64_t>(sizeof(T)), 64));
}

/// Rows of `depth` words, which is cols or one more: that one is 0.
inline void word_rows(const CodeMatrix& from, std::int64_t depth, std::int16_t* to) {
  for (std::int64_t r = 0; r < from.rows; ++r, to += depth) {
    for (std::int64_t c = 0; c < from.cols; ++c) to[c] = from.word(r, c);
    if (from.cols < depth) to[from.cols] = 0;
  }
}

/// The second factor of a product: `depth` rows, an even number, of `width` columns, a multiple of kWordTile;
/// what the matrix lacks is 0.
inline void word_panels(const CodeMatrix& from, std::int64_t depth, std::int64_t width, std::int16_t* to) {
  using kernels::kWordTile;
  if (depth > from.rows || width > from.cols) std::fill_n(to, depth * width, std::int16_t{0});
  const auto put = [&](std::int64_t k, std::int64_t c) {
    to[c / kWordTile * kWordTile * depth + k / 2 * kWordTile * 2 + c % kWordTile * 2 + k % 2] =
        from.word(k, c);
  };
  // In the order in which the codes lie.
  if (from.row_stride >= from.col_stride) {
    for (std::int64_t k = 0; k < from.rows; ++k)
      for (std::int64_t c = 0; c < from.cols; ++c) put(k, c);
  } else {
    for (std::int64_t c = 0; c < from.cols; ++c)
      for (std::int64_t k = 0; k < from.rows; ++k) put(k, c);
  }
}

}  // namespace lowbit::ops
