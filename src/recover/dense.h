// SPDX-License-Identifier: Apache-2.0
// Dense matrices of doubles, row-major: products and factorizations of moments. Every element is summed in
// one order, whatever the block sizes, so that codes chosen with these numbers are the same on every
// processor. (A library that blocks by cache sizes would round differently from machine to machine.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lowbit::detail {

/// A strided factor of a product.
struct Factor {
  const double* data = nullptr;
  std::ptrdiff_t row_stride = 0, col_stride = 1;
  double operator()(std::int64_t r, std::int64_t c) const { return data[r * row_stride + c * col_stride]; }
};

/// c[i][j] += sign * sum of a(i, k) b[k][j] over k ascending, for i < rows, j < cols, k < depth. `ldb`,
/// `ldc`: elements from one row to the next.
void multiply_add(double* c, std::ptrdiff_t ldc, std::int64_t rows, std::int64_t cols, std::int64_t depth,
                  Factor a, const double* b, std::ptrdiff_t ldb, double sign = 1.0);

/// The upper C with a = C^T C takes the place of the upper triangle of `a`, n x n; the lower one becomes 0.
/// False where a pivot is not positive: `a` is then of no use.
bool cholesky(std::vector<double>& a, std::int64_t n);
/// The inverse of an upper triangle takes its place.
void invert_upper(std::vector<double>& a, std::int64_t n);

/// x with a x = b for a small symmetric positive definite `a`; false where it is not.
bool solve_positive(std::vector<double> a, std::vector<double>& b);

/// Of a symmetric positive semidefinite matrix, by the power method: never above it, and close to it.
double largest_eigenvalue(const std::vector<double>& h, std::int64_t n);

/// The sum of a[i] b[i], in one order.
double dot(const double* a, const double* b, std::int64_t n);

}  // namespace lowbit::detail
