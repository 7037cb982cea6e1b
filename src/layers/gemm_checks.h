// SPDX-License-Identifier: Apache-2.0
// What gemm refuses before it writes anything.
#pragma once

#include "lowbit/layers/gemm.h"

namespace lowbit {

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
