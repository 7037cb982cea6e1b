// SPDX-License-Identifier: Apache-2.0
#include "compress/prune_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/refuse.h"
#include "lowbit/compress/prune.h"
#include "lowbit/core/error.h"
#include "recover/dense.h"
#include "recover/for_rows.h"
#include "recover/index.h"

namespace lowbit {
namespace {

using detail::index;

constexpr double kPruneDamping = 0.01;

/// Which weights of a row may still go.
class Allowance {
 public:
  Allowance(std::int64_t columns, const PrunePattern& pattern)
      : of_(pattern.of > 0 ? pattern.of : columns), left_(index((columns + of_ - 1) / of_)) {
    for (std::size_t b = 0; b < left_.size(); ++b) {
      const std::int64_t size = std::min(of_, columns - static_cast<std::int64_t>(b) * of_);
      left_[b] = pattern.of > 0
                     ? std::max<std::int64_t>(size - pattern.keep, 0)
                     : static_cast<std::int64_t>(std::llround(pattern.sparsity * static_cast<double>(size)));
      total_ += left_[b];
    }
  }
  /// So many of the row, wherever they are.
  Allowance(std::int64_t columns, std::int64_t count) : of_(columns), total_(count), left_(1, count) {}

  std::int64_t total() const { return total_; }
  bool allows(std::int64_t column) const { return left_[index(column / of_)] > 0; }
  void take(std::int64_t column) { --left_[index(column / of_)]; }

 private:
  std::int64_t of_, total_ = 0;
  std::vector<std::int64_t> left_;  ///< of each block
};

void check_pattern(const PrunePattern& p) {
  detail::check_share(p.sparsity);
  if (p.of < 0 || p.keep < 0 || (p.of > 0 && p.keep > p.of) || (p.of == 0 && p.keep > 0))
    refuse(fmt::format("{} of {} weights cannot stay", p.keep, p.of));
}

/// H^-1 of the damped moments.
std::vector<double> inverse_of(const OutputError& error) {
  const std::int64_t n = error.columns;
  std::vector<double> h = error.second_moment;
  double trace = 0;
  for (std::int64_t i = 0; i < n; ++i) trace += h[index(i * n + i)];
  const double damping = std::max(kPruneDamping * trace / static_cast<double>(n), 1e-30);
  for (std::int64_t i = 0; i < n; ++i) h[index(i * n + i)] += damping;
  if (!detail::cholesky(h, n)) refuse("the second moments of a layer to prune are not those of any inputs");
  detail::invert_upper(h, n);  // U with H^-1 = U U^T
  std::vector<double> inverse(h.size());
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = i; j < n; ++j) {
      // Row i of U begins at i, row j at j.
      const double sum = detail::dot(h.data() + i * n + j, h.data() + j * n + j, n - j);
      inverse[index(i * n + j)] = inverse[index(j * n + i)] = sum;
    }
  return inverse;
}

/// One row; `inverse` is its own copy.
void prune_row(std::vector<double>& w, std::vector<double> inverse, Allowance allowance) {
  const auto n = static_cast<std::int64_t>(w.size());
  std::vector<bool> gone(w.size(), false);
  for (std::int64_t left = allowance.total(); left > 0; --left) {
    std::int64_t p = -1;
    double least = std::numeric_limits<double>::infinity();
    for (std::int64_t i = 0; i < n; ++i) {
      if (gone[index(i)] || !allowance.allows(i)) continue;
      const double loss = w[index(i)] * w[index(i)] / inverse[index(i * n + i)];
      if (loss < least) least = loss, p = i;
    }
    if (p < 0) return;
    const double pivot = inverse[index(p * n + p)];
    const std::vector<double> column(inverse.begin() + p * n, inverse.begin() + (p + 1) * n);
    const double factor = w[index(p)] / pivot;
    for (std::int64_t i = 0; i < n; ++i) {
      w[index(i)] -= factor * column[index(i)];
      // H^-1 of the weights that are left.
      const double share = column[index(i)] / pivot;
      if (share == 0) continue;
      double* row = inverse.data() + i * n;
      for (std::int64_t j = 0; j < n; ++j) row[j] -= share * column[index(j)];
    }
    gone[index(p)] = true;
    allowance.take(p);
    for (std::int64_t i = 0; i < n; ++i)
      if (gone[index(i)]) w[index(i)] = 0;
  }
}

}  // namespace

std::vector<float> prune_by_magnitude(const MatrixView& weights, const PrunePattern& pattern) {
  check_pattern(pattern);
  std::vector<float> out;
  std::vector<std::int64_t> order(index(weights.cols));
  for (std::int64_t r = 0; r < weights.rows; ++r) {
    std::vector<float> row;
    for (std::int64_t c = 0; c < weights.cols; ++c) row.push_back(weights(r, c));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return std::abs(row[index(a)]) < std::abs(row[index(b)]);
    });
    Allowance allowance(weights.cols, pattern);
    for (const std::int64_t c : order)
      if (allowance.allows(c)) row[index(c)] = 0, allowance.take(c);
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

namespace {

std::vector<float> prune_each_row(const MatrixView& weights, std::span<const OutputError> errors, int threads,
                                  const std::function<Allowance(std::int64_t row)>& allowance) {
  output_losses(weights, weights, errors, threads);  // checks what it is given
  std::vector<std::vector<double>> inverses;
  for (const OutputError& error : errors) {
    if (!error.cross_moment.empty()) refuse("pruning takes no cross moments");
    inverses.push_back(inverse_of(error));
  }
  const std::int64_t rows_of_group = weights.rows / static_cast<std::int64_t>(errors.size());
  std::vector<float> out(index(weights.rows * weights.cols));
  detail::for_rows(weights.rows, 1, threads, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      std::vector<double> w;
      for (std::int64_t c = 0; c < weights.cols; ++c) w.push_back(weights(r, c));
      prune_row(w, inverses[index(r / rows_of_group)], allowance(r));
      for (std::size_t c = 0; c < w.size(); ++c) out[index(r * weights.cols) + c] = static_cast<float>(w[c]);
    }
  });
  return out;
}

}  // namespace

std::vector<float> prune_by_error(const MatrixView& weights, std::span<const OutputError> errors,
                                  const PrunePattern& pattern, int threads) {
  check_pattern(pattern);
  return prune_each_row(weights, errors, threads,
                        [&](std::int64_t) { return Allowance(weights.cols, pattern); });
}

void detail::check_share(double share) {
  if (!(share >= 0 && share <= 1))
    refuse(fmt::format("the share that is pruned is from 0 to 1, not {}", share));
}

std::vector<float> detail::prune_counts_by_error(const MatrixView& weights,
                                                 std::span<const OutputError> errors,
                                                 std::span<const std::int64_t> counts, int threads) {
  return prune_each_row(weights, errors, threads,
                        [&](std::int64_t r) { return Allowance(weights.cols, counts[index(r)]); });
}

}  // namespace lowbit
