// SPDX-License-Identifier: Apache-2.0
// The reference of the word kernels.
#include <cstdint>

#include "kernels/words/word_kernel.h"

namespace lowbit::kernels {
namespace {

void multiply(const WordProduct& p) {
  for (std::int64_t r = 0; r < p.rows; ++r)
    for (std::int64_t c = 0; c < p.cols; ++c) {
      const std::int16_t* panel = p.b + c / kWordTile * kWordTile * p.depth + c % kWordTile * 2;
      std::int32_t sum = 0;
      for (std::int64_t k = 0; k < p.depth; ++k)
        sum += p.a[r * p.a_stride + k] * panel[k / 2 * kWordTile * 2 + k % 2];
      p.out[r * p.out_stride + c] = sum;
    }
}

}  // namespace

const WordKernel kWordsScalar{"words/scalar", Isa::scalar, multiply};

}  // namespace lowbit::kernels
