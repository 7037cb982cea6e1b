// SPDX-License-Identifier: Apache-2.0
// The interface of the word kernels: products of matrices of 16-bit words, for two values that are both
// computed at run time. Codes of 8 bits become words when their zero point is subtracted, which is exact, and
// leaves no terms for rows and columns to correct. Plain data, so that kernel files include nothing else.
//
// The second matrix is packed: panels of kWordTile columns, in each of them pairs of rows, [pair][column][2].
#pragma once

#include <cstdint>

#include "lowbit/kernels/isa.h"

namespace lowbit::kernels {

constexpr std::int64_t kWordTile = 8;

/// out[r][c] = sum over k of a[r][k] * b[k][c], in 32 bits, which the caller knows not to overflow.
struct WordProduct {
  std::int64_t rows = 0, cols = 0;  ///< cols: a multiple of kWordTile
  std::int64_t depth = 0;           ///< even
  const std::int16_t* a = nullptr;
  std::int64_t a_stride = 0;        ///< words from row to row
  const std::int16_t* b = nullptr;  ///< packed: cols * depth words
  std::int32_t* out = nullptr;
  std::int64_t out_stride = 0;
};

struct WordKernel {
  const char* name;  ///< "words/avx2"
  Isa required;
  void (*multiply)(const WordProduct&);
};

extern const WordKernel kWordsAvx2, kWordsNeon, kWordsScalar;

/// Every word kernel of this build, best first, the scalar reference last. `*count` entries.
const WordKernel* const* word_kernels(std::int64_t* count);
/// The first that `isa` allows.
const WordKernel& select_word_kernel(Isa isa);

}  // namespace lowbit::kernels
