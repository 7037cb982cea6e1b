// SPDX-License-Identifier: Apache-2.0
#include "recover/dense.h"

#include <algorithm>
#include <cmath>

namespace lowbit::detail {
namespace {

constexpr std::int64_t kDepth = 64;   // rows of b that a pass over c reads
constexpr std::int64_t kWidth = 512;  // columns that stay in a first-level cache

// Four products at a time, added one after the other: c is read and written a quarter as often. One row of c
// or two, which share the rows of b.
template <int Rows>
void add_four(double* __restrict c0, double* __restrict c1, std::int64_t width, const double* b,
              std::ptrdiff_t ldb, const double (&a)[2][4]) {
  const double* __restrict b0 = b;
  const double* __restrict b1 = b + ldb;
  const double* __restrict b2 = b + 2 * ldb;
  const double* __restrict b3 = b + 3 * ldb;
  for (std::int64_t j = 0; j < width; ++j) {
    c0[j] = (((c0[j] + a[0][0] * b0[j]) + a[0][1] * b1[j]) + a[0][2] * b2[j]) + a[0][3] * b3[j];
    if constexpr (Rows == 2)
      c1[j] = (((c1[j] + a[1][0] * b0[j]) + a[1][1] * b1[j]) + a[1][2] * b2[j]) + a[1][3] * b3[j];
  }
}

void add_row(double* __restrict c, std::int64_t width, const double* __restrict b, double a) {
  for (std::int64_t j = 0; j < width; ++j) c[j] += a * b[j];
}

// Row 0 (and row 1, where c1 is not null) of `a` times the columns and the depth of one block of b.
void add_block(double* c0, double* c1, std::int64_t width, std::int64_t depth, Factor a, const double* b,
               std::ptrdiff_t ldb, double sign) {
  std::int64_t k = 0;
  for (; k + 4 <= depth; k += 4) {
    double f[2][4] = {};
    for (int p = 0; p < 4; ++p) {
      f[0][p] = sign * a(0, k + p);
      if (c1) f[1][p] = sign * a(1, k + p);
    }
    if (c1)
      add_four<2>(c0, c1, width, b + k * ldb, ldb, f);
    else
      add_four<1>(c0, nullptr, width, b + k * ldb, ldb, f);
  }
  for (; k < depth; ++k) {
    add_row(c0, width, b + k * ldb, sign * a(0, k));
    if (c1) add_row(c1, width, b + k * ldb, sign * a(1, k));
  }
}

}  // namespace

void multiply_add(double* c, std::ptrdiff_t ldc, std::int64_t rows, std::int64_t cols, std::int64_t depth,
                  Factor a, const double* b, std::ptrdiff_t ldb, double sign) {
  for (std::int64_t j = 0; j < cols; j += kWidth) {
    const std::int64_t width = std::min(kWidth, cols - j);
    for (std::int64_t k = 0; k < depth; k += kDepth) {
      const std::int64_t part = std::min(kDepth, depth - k);
      for (std::int64_t i = 0; i < rows; i += 2) {
        double* c0 = c + i * ldc + j;
        const Factor part_of_a{a.data + i * a.row_stride + k * a.col_stride, a.row_stride, a.col_stride};
        add_block(c0, i + 1 < rows ? c0 + ldc : nullptr, width, part, part_of_a, b + k * ldb + j, ldb, sign);
      }
    }
  }
}

namespace {

// The block of rows [begin, end), whose updates by the rows above are done.
bool factor_rows(double* a, std::int64_t n, std::int64_t begin, std::int64_t end) {
  for (std::int64_t k = begin; k < end; ++k) {
    double* row = a + k * n;
    for (std::int64_t p = begin; p < k; ++p) add_row(row + k, n - k, a + p * n + k, -a[p * n + k]);
    const double pivot = row[k];
    if (!(pivot > 0) || !std::isfinite(pivot)) return false;
    const double root = std::sqrt(pivot);
    for (std::int64_t j = k; j < n; ++j) row[j] /= root;
  }
  return true;
}

}  // namespace

bool cholesky(std::vector<double>& a, std::int64_t n) {
  double* d = a.data();
  for (std::int64_t begin = 0; begin < n; begin += kDepth) {
    const std::int64_t end = std::min(n, begin + kDepth);
    if (!factor_rows(d, n, begin, end)) return false;
    for (std::int64_t i = end; i < n; i += kDepth) {
      const std::int64_t rows = std::min(kDepth, n - i);
      multiply_add(d + i * n + i, n, rows, n - i, end - begin, {d + begin * n + i, 1, n}, d + begin * n + i,
                   n, -1.0);
    }
  }
  for (std::int64_t i = 0; i < n; ++i) std::fill(d + i * n, d + i * n + i, 0.0);
  return true;
}

// Row i of the inverse is -(sum of c_ik row k over k > i) / c_ii, and 1 / c_ii on the diagonal.
void invert_upper(std::vector<double>& a, std::int64_t n) {
  double* d = a.data();
  std::vector<double> block(static_cast<std::size_t>(kDepth * n));
  for (std::int64_t end = n; end > 0; end -= (end - 1) % kDepth + 1) {
    const std::int64_t begin = end - ((end - 1) % kDepth + 1), rows = end - begin, behind = n - end;
    // What the rows below the block, which are done, give to it.
    std::fill(block.begin(), block.end(), 0.0);
    multiply_add(block.data(), n, rows, behind, behind, {d + begin * n + end, n, 1}, d + end * n + end, n);
    for (std::int64_t i = end - 1; i >= begin; --i) {
      double* row = d + i * n;
      double* sum = block.data() + (i - begin) * n;  // of columns from `end` on
      std::vector<double> inner(static_cast<std::size_t>(end - i), 0.0);
      for (std::int64_t k = i + 1; k < end; ++k) {
        for (std::int64_t j = k; j < end; ++j)
          inner[static_cast<std::size_t>(j - i)] += row[k] * d[k * n + j];
        add_row(sum, behind, d + k * n + end, row[k]);
      }
      const double pivot = row[i];
      row[i] = 1.0 / pivot;
      for (std::int64_t j = i + 1; j < end; ++j) row[j] = -inner[static_cast<std::size_t>(j - i)] / pivot;
      for (std::int64_t j = 0; j < behind; ++j) row[end + j] = -sum[j] / pivot;
    }
  }
}

bool solve_positive(std::vector<double> a, std::vector<double>& b) {
  const auto n = static_cast<std::int64_t>(b.size());
  if (!cholesky(a, n)) return false;
  const auto c = [&](std::int64_t i, std::int64_t j) { return a[static_cast<std::size_t>(i * n + j)]; };
  const auto x = [&](std::int64_t i) -> double& { return b[static_cast<std::size_t>(i)]; };
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < i; ++k) x(i) -= c(k, i) * x(k);
    x(i) /= c(i, i);
  }
  for (std::int64_t i = n - 1; i >= 0; --i) {
    for (std::int64_t k = i + 1; k < n; ++k) x(i) -= c(i, k) * x(k);
    x(i) /= c(i, i);
  }
  return true;
}

double dot(const double* a, const double* b, std::int64_t n) {
  double sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int p = 0; p < 4; ++p) sums[p] += a[i + p] * b[i + p];
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double largest_eigenvalue(const std::vector<double>& h, std::int64_t n) {
  constexpr int kSteps = 60;
  std::vector<double> x(static_cast<std::size_t>(n)), y(x.size());
  // The largest column is a better start than any fixed vector, which may be orthogonal to the answer.
  std::int64_t largest = 0;
  for (std::int64_t i = 0; i < n; ++i)
    if (h[static_cast<std::size_t>(i * n + i)] > h[static_cast<std::size_t>(largest * n + largest)])
      largest = i;
  std::copy_n(h.begin() + largest * n, n, x.begin());
  double value = 0;
  for (int step = 0; step < kSteps; ++step) {
    const double length = std::sqrt(dot(x.data(), x.data(), n));
    if (!(length > 0)) return 0;
    for (double& v : x) v /= length;
    for (std::int64_t i = 0; i < n; ++i) y[static_cast<std::size_t>(i)] = dot(h.data() + i * n, x.data(), n);
    value = dot(x.data(), y.data(), n);
    x.swap(y);
  }
  return value;
}

}  // namespace lowbit::detail
