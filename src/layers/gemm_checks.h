// SPDX-License-Identifier: Apache-2.0
// What gemm and IntegerConv2d take from their options, and refuse before they write anything.
#pragma once

#include "layers/output_stage.h"
#include "lowbit/layers/gemm.h"

namespace lowbit {

/// Those of the options that are for the results.
OutputTerms terms_of(const GemmOptions& options);
/// That `zero_point` is a value of `type`: u8, i8 or i16.
void check_zero_point(ElementType type, std::int32_t zero_point);

/// A matrix as memory, in bytes.
struct MemoryShape {
  const void* data = nullptr;
  std::int64_t rows = 0, cols = 0;
  std::ptrdiff_t row_bytes = 0, col_bytes = 0, element_bytes = 0;
};
MemoryShape memory_of(const IntegerView& m);
MemoryShape memory_of(const MatrixView& m);
MemoryShape memory_of(const GemmResult& m);

/// Sizes of A, B (k x n) and C, and the memory of A and C.
void check_product(const MemoryShape& a, std::int64_t k, std::int64_t n, const MemoryShape& c);
/// That there is some, unless there are no elements.
void check_memory(const MemoryShape& m, const char* name);
/// That, and that elements do not lie over each other.
void check_result(const MemoryShape& c, const char* name);
/// Throws where C is written over `m`, which is called `name`. Blocks of the same larger matrix, with rows a
/// common distance apart, may lie between each other.
void check_apart(const MemoryShape& m, const char* name, const MemoryShape& c);

}  // namespace lowbit
