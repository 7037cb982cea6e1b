// SPDX-License-Identifier: Apache-2.0
#include "recover/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "lowbit/core/error.h"
#include "recover/dense.h"
#include "recover/for_rows.h"

namespace lowbit::detail {
namespace {

constexpr std::int64_t kBlock = 128;  // columns whose updates of what lies behind them are done at once

double diagonal(const OutputError& e, std::int64_t c) {
  return e.second_moment[static_cast<std::size_t>(c * e.columns + c)];
}

// H permuted and damped, from the last column to the first. Columns without inputs get a 1: they change
// nothing and nothing changes them.
std::vector<double> reversed(const OutputError& e, std::span<const std::int64_t> order, double damping) {
  const std::int64_t n = e.columns;
  std::vector<double> out(e.second_moment.size());
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t from = order[static_cast<std::size_t>(n - 1 - i)];
    double* row = out.data() + i * n;
    for (std::int64_t j = 0; j < n; ++j)
      row[j] =
          e.second_moment[static_cast<std::size_t>(from * n + order[static_cast<std::size_t>(n - 1 - j)])];
    row[i] = diagonal(e, from) > 0 ? row[i] + damping : 1.0;
  }
  return out;
}

}  // namespace

double gptq_damping(const OutputError& e, double share) {
  double sum = 0;
  std::int64_t live = 0;
  for (std::int64_t c = 0; c < e.columns; ++c) sum += diagonal(e, c), live += diagonal(e, c) > 0;
  return live > 0 ? share * sum / static_cast<double>(live) : 0.0;
}

double qronos_damping(const OutputError& e, double share) {
  return share * largest_eigenvalue(e.second_moment, e.columns);
}

// With J the reversal, J H J = C^T C gives H = (J C^T J) (J C J) = R R^T for the upper R = J C^T J, and
// H^-1 = U^T U for U = R^-1 = J C^-T J: one factorization and the inverse of a triangle.
Sweep::Sweep(const OutputError& error, const SweepOptions& options, std::size_t group) : n_(error.columns) {
  order_.resize(static_cast<std::size_t>(n_));
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  if (options.act_order)
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::int64_t a, std::int64_t b) { return diagonal(error, a) > diagonal(error, b); });
  std::vector<double> c;
  damping_ = options.damping;
  for (tries_ = 1;; ++tries_) {
    c = reversed(error, order_, damping_);
    first_row_.assign(c.rbegin(), c.rbegin() + static_cast<std::ptrdiff_t>(n_));
    if (cholesky(c, n_)) break;
    if (tries_ > options.raises)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("the second moments of group {} cannot be factorized, not even with {} added to "
                      "their diagonal, whose mean is {}",
                      group, damping_, gptq_damping(error, 1.0)));
    damping_ = damping_ > 0 ? 10 * damping_ : gptq_damping(error, 1e-10);
  }
  invert_upper(c, n_);
  upper_.assign(c.size(), 0.0);
  for (std::int64_t i = 0; i < n_; ++i)
    for (std::int64_t j = i; j < n_; ++j) upper_[at(i, j)] = c[at(n_ - 1 - j, n_ - 1 - i)];
}

// w: permuted. With d = w_0 - q_0, the other columns move by H_22^-1 (d H_21 - g_2), and H_22^-1 = U_2^T U_2.
void Sweep::start_qronos(const SweepRow& row, double* w) const {
  const auto slope = [&](std::int64_t i) { return row.slope[order_[static_cast<std::size_t>(i)]]; };
  const std::int64_t column = order_.front();
  const double best = w[0] - slope(0) / first_row_[0];
  row.choice[column] = row.grid->nearest(row.row, column, best);
  const double d = w[0] - double(row.grid->value(row.row, column, row.choice[column]));
  std::vector<double> v(static_cast<std::size_t>(n_));
  for (std::int64_t i = 1; i < n_; ++i)
    v[static_cast<std::size_t>(i)] = d * first_row_[static_cast<std::size_t>(i)] - slope(i);
  std::vector<double> uv(v.size());
  for (std::int64_t i = 1; i < n_; ++i)
    uv[static_cast<std::size_t>(i)] = dot(upper_.data() + at(i, i), v.data() + i, n_ - i);
  multiply_add(w + 1, n_, 1, n_ - 1, n_ - 1, {uv.data() + 1, n_, 1}, upper_.data() + at(1, 1), n_);
}

void Sweep::round(std::span<const SweepRow> rows) const {
  const auto count = static_cast<std::int64_t>(rows.size());
  std::vector<double> w(static_cast<std::size_t>(count * n_));
  std::vector<double> moved(static_cast<std::size_t>(count * kBlock));  // -(q - w_c) / U_cc of a block
  for (std::int64_t r = 0; r < count; ++r)
    for (std::int64_t i = 0; i < n_; ++i)
      w[at(r, i)] = rows[static_cast<std::size_t>(r)].weights[order_[static_cast<std::size_t>(i)]];
  std::int64_t begin = 0;
  if (rows.front().slope) {
    for (std::int64_t r = 0; r < count; ++r)
      start_qronos(rows[static_cast<std::size_t>(r)], w.data() + at(r, 0));
    begin = 1;
  }
  for (; begin < n_; begin += kBlock) {
    const std::int64_t end = std::min(n_, begin + kBlock);
    for (std::int64_t r = 0; r < count; ++r) {
      const SweepRow& row = rows[static_cast<std::size_t>(r)];
      double* x = w.data() + at(r, 0);
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t column = order_[static_cast<std::size_t>(i)];
        const int chosen = row.grid->nearest(row.row, column, x[i]);
        row.choice[column] = chosen;
        const double* u = upper_.data() + at(i, 0);
        const double e = (x[i] - double(row.grid->value(row.row, column, chosen))) / u[i];
        moved[static_cast<std::size_t>(r * kBlock + i - begin)] = e;
        for (std::int64_t j = i + 1; j < end; ++j) x[j] -= e * u[j];
      }
    }
    multiply_add(w.data() + end, n_, count, n_ - end, end - begin, {moved.data(), kBlock, 1},
                 upper_.data() + at(begin, end), n_, -1.0);
  }
}

void round_rows(std::span<const Sweep> sweeps, std::span<const SweepRow> rows, int threads) {
  for_rows(static_cast<std::int64_t>(rows.size()), kRowsAtATime, threads,
           [&](std::int64_t first, std::int64_t last) {
             for (auto begin = static_cast<std::size_t>(first); begin < static_cast<std::size_t>(last);) {
               std::size_t end = begin + 1;
               while (end < static_cast<std::size_t>(last) && rows[end].group == rows[begin].group) ++end;
               sweeps[static_cast<std::size_t>(rows[begin].group)].round(rows.subspan(begin, end - begin));
               begin = end;
             }
           });
}

}  // namespace lowbit::detail
