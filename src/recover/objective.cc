// SPDX-License-Identifier: Apache-2.0
#include "recover/objective.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lowbit/core/error.h"
#include "recover/dense.h"
#include "recover/for_rows.h"

namespace lowbit::detail {
namespace {

[[noreturn]] void mismatch(const std::string& what) {
  throw Error(ErrorCode::shape_mismatch, what);
}

void check_moments(const std::vector<double>& m, const char* name, std::size_t group, std::int64_t columns) {
  if (m.size() != static_cast<std::size_t>(columns * columns))
    mismatch(fmt::format("the {} of group {} has {} elements; {} columns take {}", name, group, m.size(),
                         columns, columns * columns));
  for (std::size_t i = 0; i < m.size(); ++i)
    if (!std::isfinite(m[i]))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("element ({}, {}) of the {} of group {} is {}", static_cast<std::int64_t>(i) / columns,
                      static_cast<std::int64_t>(i) % columns, name, group, m[i]));
}

void check_errors(const MatrixView& weights, std::span<const OutputError> errors) {
  if (weights.rows < 1 || weights.cols < 1 || !weights.data)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a {}x{} weight matrix cannot be rounded", weights.rows, weights.cols));
  const auto groups = static_cast<std::int64_t>(errors.size());
  if (groups < 1 || weights.rows % groups != 0)
    mismatch(
        fmt::format("{} output errors were given for {} rows, which they must divide", groups, weights.rows));
  for (std::size_t g = 0; g < errors.size(); ++g) {
    const OutputError& e = errors[g];
    if (e.columns != weights.cols)
      mismatch(fmt::format("the output error of group {} has {} columns, the weights have {}", g, e.columns,
                           weights.cols));
    check_moments(e.second_moment, "second moment", g, e.columns);
    if (!e.cross_moment.empty()) check_moments(e.cross_moment, "cross moment", g, e.columns);
    if (!e.original_moment.empty()) check_moments(e.original_moment, "original moment", g, e.columns);
    if (e.cross_moment.empty() != errors.front().cross_moment.empty())
      mismatch("some groups of a layer have a cross moment and some have none");
    for (std::int64_t i = 0; i < e.columns; ++i)
      if (const double d = e.second_moment[static_cast<std::size_t>(i * e.columns + i)]; d < 0)
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("the second moment of column {} of group {} is {}; a mean of squares is not below 0",
                        i, g, d));
  }
}

std::vector<double> doubles_of(const MatrixView& weights) {
  std::vector<double> out(static_cast<std::size_t>(weights.rows * weights.cols));
  std::size_t i = 0;
  for (std::int64_t r = 0; r < weights.rows; ++r)
    for (std::int64_t c = 0; c < weights.cols; ++c) {
      const float w = weights(r, c);
      if (!std::isfinite(w))
        throw Error(ErrorCode::invalid_argument, fmt::format("weight ({}, {}) is {}", r, c, w));
      out[i++] = double(w);
    }
  return out;
}

}  // namespace

Objective::Objective(const MatrixView& weights, std::span<const OutputError> errors, int threads)
    : errors_(errors), rows_(weights.rows), columns_(weights.cols) {
  check_errors(weights, errors);
  weights_ = doubles_of(weights);
  constant_.assign(static_cast<std::size_t>(rows_), 0.0);
  if (errors.front().cross_moment.empty()) return;
  for (const OutputError& e : errors)
    least_.push_back(e.original_moment.empty() ? least_original(e) : std::vector<double>());
  add_slopes(threads);
}

void Objective::add_slopes(int threads) {
  slope_.assign(weights_.size(), 0.0);
  for_rows(rows_, 1, threads, [&](std::int64_t r, std::int64_t) {
    const OutputError& e = error(r);
    const std::int64_t n = columns_;
    const double* w = weights(r);
    double* g = slope_.data() + r * n;
    std::vector<double> product(static_cast<std::size_t>(n), 0.0);
    const auto times = [&](const std::vector<double>& m) {
      std::fill(product.begin(), product.end(), 0.0);
      multiply_add(product.data(), n, 1, n, n, {w, n, 1}, m.data(), n);
      return product.data();
    };
    const double* wf =
        times(e.original_moment.empty() ? least_[static_cast<std::size_t>(group(r))] : e.original_moment);
    double constant = dot(wf, w, n);
    const double* wh = times(e.second_moment);
    constant += dot(wh, w, n);
    std::copy_n(wh, n, g);
    const double* wg = times(e.cross_moment);
    constant -= 2 * dot(wg, w, n);
    for (std::int64_t c = 0; c < n; ++c) g[c] -= wg[c];
    constant_[static_cast<std::size_t>(r)] = constant;
  });
}

void Objective::gradient(std::int64_t row, const double* q, double* out) const {
  gradients({&row, 1}, q, out);
}

void Objective::gradients(std::span<const std::int64_t> rows, const double* q, double* out) const {
  const std::int64_t n = columns_;
  std::vector<double> d(rows.size() * static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto begin = static_cast<std::int64_t>(i) * n;
    const double* w = weights(rows[i]);
    for (std::int64_t c = 0; c < n; ++c) d[static_cast<std::size_t>(begin + c)] = q[begin + c] - w[c];
    if (const double* g = slope(rows[i]))
      std::copy_n(g, n, out + begin);
    else
      std::fill_n(out + begin, n, 0.0);
  }
  for (std::size_t i = 0; i < rows.size();) {
    std::size_t end = i + 1;
    while (end < rows.size() && group(rows[end]) == group(rows[i])) ++end;
    const auto begin = static_cast<std::int64_t>(i) * n;
    multiply_add(out + begin, n, static_cast<std::int64_t>(end - i), n, n, {d.data() + begin, n, 1},
                 h(rows[i]), n);
    i = end;
  }
}

double Objective::loss(std::int64_t row, const double* q, const double* gradient) const {
  const double* g = slope(row);
  double sum = 0;
  for (std::int64_t c = 0; c < columns_; ++c)
    sum += (q[c] - weights(row)[c]) * (gradient[c] + (g ? g[c] : 0.0));
  return sum + constant_[static_cast<std::size_t>(row)];
}

}  // namespace lowbit::detail

namespace lowbit {

std::vector<double> output_losses(const MatrixView& weights, const MatrixView& quantized,
                                  std::span<const OutputError> errors, int threads) {
  const detail::Objective objective(weights, errors, threads);
  if (quantized.rows != weights.rows || quantized.cols != weights.cols)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}x{} values stand in for {}x{} weights", quantized.rows, quantized.cols,
                            weights.rows, weights.cols));
  std::vector<double> losses(static_cast<std::size_t>(weights.rows));
  detail::for_rows(weights.rows, detail::kRowsAtATime, threads, [&](std::int64_t first, std::int64_t last) {
    const auto size = static_cast<std::size_t>((last - first) * weights.cols);
    std::vector<double> q(size), gradients(size);
    std::vector<std::int64_t> rows;
    for (std::int64_t r = first; r < last; ++r) {
      rows.push_back(r);
      for (std::int64_t c = 0; c < weights.cols; ++c)
        q[static_cast<std::size_t>((r - first) * weights.cols + c)] = double(quantized(r, c));
    }
    objective.gradients(rows, q.data(), gradients.data());
    for (std::int64_t r = first; r < last; ++r) {
      const std::int64_t at = (r - first) * weights.cols;
      losses[static_cast<std::size_t>(r)] = objective.loss(r, q.data() + at, gradients.data() + at);
    }
  });
  return losses;
}

double output_loss(const MatrixView& weights, const QuantizedMatrix& quantized,
                   std::span<const OutputError> errors, int threads) {
  std::vector<float> values(static_cast<std::size_t>(quantized.rows * quantized.cols));
  dequantize(quantized, {values.data(), quantized.rows, quantized.cols});
  double sum = 0;
  for (const double loss :
       output_losses(weights, {values.data(), quantized.rows, quantized.cols}, errors, threads))
    sum += loss;
  return sum;
}

}  // namespace lowbit
