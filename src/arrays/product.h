// SPDX-License-Identifier: Apache-2.0
// Products of matrices in plain loops. Each sum runs through k in ascending order.
#pragma once

#include <algorithm>
#include <cstdint>

namespace lowbit::arrays {

/// A matrix whose element (i, k) is data[i * row + k * column].
template <class T>
struct StridedMatrix {
  const T* data;
  std::int64_t row, column;
};

/// c[n] += a[k] b[k, n], where elements of a are `step` apart and rows of b `ldb`. Four rows of b at a time,
/// so that c is read and written less often.
template <class T>
void add_row_product(std::int64_t n, std::int64_t k, const T* a, std::int64_t step, const T* b,
                     std::int64_t ldb, T* c) {
  std::int64_t i = 0;
  for (; i + 4 <= k; i += 4) {
    const T a0 = a[i * step], a1 = a[(i + 1) * step], a2 = a[(i + 2) * step], a3 = a[(i + 3) * step];
    const T *b0 = b + i * ldb, *b1 = b0 + ldb, *b2 = b1 + ldb, *b3 = b2 + ldb;
    for (std::int64_t j = 0; j < n; ++j)
      c[j] = (((c[j] + a0 * b0[j]) + a1 * b1[j]) + a2 * b2[j]) + a3 * b3[j];
  }
  for (; i < k; ++i) {
    const T factor = a[i * step];
    const T* line = b + i * ldb;
    for (std::int64_t j = 0; j < n; ++j) c[j] += factor * line[j];
  }
}

/// c[m, n] += a[m, k] b[k, n]; the rows of b and c are ldb and ldc apart. T is float or std::uint64_t.
template <class T>
void add_product(std::int64_t m, std::int64_t n, std::int64_t k, const StridedMatrix<T>& a, const T* b,
                 std::int64_t ldb, T* c, std::int64_t ldc) {
  constexpr std::int64_t kColumns = 512, kDepth = 64;  // a block of b that stays in the cache
  for (std::int64_t j = 0; j < n; j += kColumns)
    for (std::int64_t p = 0; p < k; p += kDepth)
      for (std::int64_t i = 0; i < m; ++i)
        add_row_product(std::min(kColumns, n - j), std::min(kDepth, k - p), a.data + i * a.row + p * a.column,
                        a.column, b + p * ldb + j, ldb, c + i * ldc + j);
}

/// to[columns, rows] = from[rows, columns] transposed.
template <class T>
void transpose_matrix(const T* from, std::int64_t rows, std::int64_t columns, T* to) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
}

}  // namespace lowbit::arrays
