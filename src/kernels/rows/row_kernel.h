// SPDX-License-Identifier: Apache-2.0
// The interface of the row kernels: products of 16-bit words with rows of unsigned codes as they lie in
// memory, of 8 bits or two codes of 4 bits a byte (core/packing.h). Nothing is packed before: such rows are
// read once or few times, as those of a cache of keys and values. Plain data, so that kernel files include
// nothing else.
#pragma once

#include <cstdint>

#include "lowbit/kernels/isa.h"

namespace lowbit::kernels {

/// Sums are of 32 bits, which the caller knows not to overflow. Of 4-bit codes `bytes` hold twice as many
/// columns: first those of the low halves of all bytes, then those of the high ones.
struct RowProduct {
  std::int64_t rows = 0;   ///< of words and of the result
  std::int64_t count = 0;  ///< rows of codes
  std::int64_t bytes = 0;  ///< of codes in a row
  const std::int16_t* words = nullptr;
  std::int64_t words_stride = 0;
  const std::uint8_t* codes = nullptr;
  std::int64_t codes_stride = 0;  ///< bytes
  std::int32_t* out = nullptr;
  std::int64_t out_stride = 0;
};

struct RowKernel {
  const char* name;  ///< "rows/avx2"
  Isa required;
  /// out[r][j] = sum over columns c of words[r][c] * codes[j][c].
  void (*dot8)(const RowProduct&);
  void (*dot4)(const RowProduct&);
  /// out[r][c] = sum over j < count of words[r][j] * codes[j][c].
  void (*sum8)(const RowProduct&);
  void (*sum4)(const RowProduct&);
};

extern const RowKernel kRowsAvx2, kRowsNeon, kRowsScalar;

/// Every row kernel of this build, best first, the scalar reference last. `*count` entries.
const RowKernel* const* row_kernels(std::int64_t* count);
/// The first that `isa` allows.
const RowKernel& select_row_kernel(Isa isa);

}  // namespace lowbit::kernels
