// SPDX-License-Identifier: Apache-2.0
#include "layers/gather_codes.h"

#include <algorithm>
#include <cstring>

namespace lowbit {
namespace {

// Both sides of a square of elements stay in the L1 cache, whichever of them is walked across its rows.
constexpr std::int64_t kSquare = 64;

/// put(row, column, element) for all elements, in squares.
template <class T, class Put>
void in_squares(const T* m, std::ptrdiff_t row_stride, std::ptrdiff_t col_stride, std::int64_t rows,
                std::int64_t cols, const Put& put) {
  for (std::int64_t r0 = 0; r0 < rows; r0 += kSquare)
    for (std::int64_t c0 = 0; c0 < cols; c0 += kSquare) {
      const std::int64_t r1 = std::min(r0 + kSquare, rows), c1 = std::min(c0 + kSquare, cols);
      for (std::int64_t r = r0; r < r1; ++r)
        for (std::int64_t c = c0; c < c1; ++c) put(r, c, m[r * row_stride + c * col_stride]);
    }
}

void gather_bytes(const IntegerView& m, std::int64_t first, std::int64_t count, std::uint8_t flip,
                  const GatheredRows& to) {
  const auto* from = static_cast<const std::uint8_t*>(m.data) + first * m.row_stride;
  if (m.col_stride == 1 && flip == 0) {
    for (std::int64_t r = 0; r < count; ++r)
      std::memcpy(to.low + static_cast<std::size_t>(r) * to.row_bytes, from + r * m.row_stride,
                  static_cast<std::size_t>(m.cols));
    return;
  }
  if (m.col_stride == 1) {
    for (std::int64_t r = 0; r < count; ++r) {
      std::uint8_t* row = to.low + static_cast<std::size_t>(r) * to.row_bytes;
      for (std::int64_t c = 0; c < m.cols; ++c)
        row[c] = static_cast<std::uint8_t>(from[r * m.row_stride + c] ^ flip);
    }
    return;
  }
  in_squares(from, m.row_stride, m.col_stride, count, m.cols,
             [&](std::int64_t r, std::int64_t c, std::uint8_t x) {
               to.low[static_cast<std::size_t>(r) * to.row_bytes + static_cast<std::size_t>(c)] =
                   static_cast<std::uint8_t>(x ^ flip);
             });
}

void gather_words(const IntegerView& m, std::int64_t first, std::int64_t count, const GatheredRows& to) {
  const auto* from = static_cast<const std::int16_t*>(m.data) + first * m.row_stride;
  in_squares(
      from, m.row_stride, m.col_stride, count, m.cols, [&](std::int64_t r, std::int64_t c, std::int16_t x) {
        const auto word = static_cast<std::uint16_t>(x + 32768);
        const std::size_t at = static_cast<std::size_t>(r) * to.row_bytes + static_cast<std::size_t>(c);
        to.low[at] = static_cast<std::uint8_t>(word);
        to.high[at] = static_cast<std::uint8_t>(word >> 8);
      });
}

/// part(first, count) for pieces of `count` rows, on the executor's threads.
template <class Part>
void in_parts(std::int64_t count, Executor& executor, const Part& part) {
  const auto parts = static_cast<int>((count + kSquare - 1) / kSquare);
  auto one = [&](int i) { part(i * kSquare, std::min(kSquare, count - i * kSquare)); };
  if (parts == 1 || executor.concurrency() == 1) {
    for (int i = 0; i < parts; ++i) one(i);
  } else {
    executor.parallel_for(parts, one);
  }
}

}  // namespace

void gather_codes(const IntegerView& m, std::int64_t first, std::int64_t count, bool to_unsigned,
                  const GatheredRows& to, Executor& executor) noexcept {
  const std::uint8_t flip = to_unsigned == (m.type == ElementType::i8) ? 0x80 : 0;
  in_parts(count, executor, [&](std::int64_t row, std::int64_t rows) {
    GatheredRows part = to;
    part.low += static_cast<std::size_t>(row) * to.row_bytes;
    if (m.type == ElementType::i16) {
      part.high += static_cast<std::size_t>(row) * to.row_bytes;
      gather_words(m, first + row, rows, part);
    } else {
      gather_bytes(m, first + row, rows, flip, part);
    }
  });
}

void gather_nibbles(const IntegerView& m, std::uint8_t* rows, std::size_t row_bytes) noexcept {
  const auto* from = static_cast<const std::uint8_t*>(m.data);
  const unsigned flip = m.type == ElementType::i8 ? 8 : 0;
  for (std::int64_t r = 0; r < m.rows; ++r) {
    std::uint8_t* row = rows + static_cast<std::size_t>(r) * row_bytes;
    std::fill_n(row, row_bytes, std::uint8_t{0});
    for (std::int64_t c = 0; c < m.cols; ++c) {
      const std::ptrdiff_t at = r * m.row_stride + c * m.col_stride;
      const unsigned code = (unsigned{from[at >> 1]} >> ((at & 1) * 4) & 15u) ^ flip;
      row[c / 2] = static_cast<std::uint8_t>(row[c / 2] | code << (c % 2 * 4));
    }
  }
}

void gather_floats(const MatrixView& m, std::int64_t first, std::int64_t count, float* rows,
                   std::size_t row_elements, Executor& executor) noexcept {
  in_parts(count, executor, [&](std::int64_t row, std::int64_t part) {
    in_squares(m.data + (first + row) * m.row_stride, m.row_stride, m.col_stride, part, m.cols,
               [&](std::int64_t r, std::int64_t c, float x) {
                 rows[static_cast<std::size_t>(row + r) * row_elements + static_cast<std::size_t>(c)] = x;
               });
  });
}

}  // namespace lowbit
