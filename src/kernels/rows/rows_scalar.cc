// SPDX-License-Identifier: Apache-2.0
// The reference of the row kernels.
#include <cstdint>

#include "kernels/rows/row_kernel.h"

namespace lowbit::kernels {
namespace {

template <int Bits>
std::int32_t code(const RowProduct& p, std::int64_t row, std::int64_t column) {
  const std::uint8_t* codes = p.codes + row * p.codes_stride;
  if (Bits == 8) return codes[column];
  return column < p.bytes ? codes[column] & 15 : codes[column - p.bytes] >> 4;
}

template <int Bits>
void dot(const RowProduct& p) {
  for (std::int64_t r = 0; r < p.rows; ++r)
    for (std::int64_t j = 0; j < p.count; ++j) {
      std::int32_t total = 0;
      for (std::int64_t c = 0; c < 8 / Bits * p.bytes; ++c)
        total += p.words[r * p.words_stride + c] * code<Bits>(p, j, c);
      p.out[r * p.out_stride + j] = total;
    }
}

template <int Bits>
void sum(const RowProduct& p) {
  for (std::int64_t r = 0; r < p.rows; ++r)
    for (std::int64_t c = 0; c < 8 / Bits * p.bytes; ++c) {
      std::int32_t total = 0;
      for (std::int64_t j = 0; j < p.count; ++j)
        total += p.words[r * p.words_stride + j] * code<Bits>(p, j, c);
      p.out[r * p.out_stride + c] = total;
    }
}

}  // namespace

const RowKernel kRowsScalar{"rows/scalar", Isa::scalar, dot<8>, dot<4>, sum<8>, sum<4>};

}  // namespace lowbit::kernels
