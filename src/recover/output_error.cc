// SPDX-License-Identifier: Apache-2.0
#include "lowbit/recover/output_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lowbit/core/error.h"
#include "recover/dense.h"
#include "recover/objective.h"

namespace lowbit {
namespace {

std::vector<double> transposed(const std::vector<double>& m, std::int64_t n) {
  std::vector<double> out(m.size());
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      out[static_cast<std::size_t>(i * n + j)] = m[static_cast<std::size_t>(j * n + i)];
  return out;
}

}  // namespace

// By the inverse triangle of H, which gets a diagonal that is as good as nothing.
std::vector<double> detail::least_original(const OutputError& e) {
  const std::int64_t n = e.columns;
  std::vector<double> c = e.second_moment;
  double mean = 0;
  for (std::int64_t i = 0; i < n; ++i) mean += e.second_moment[static_cast<std::size_t>(i * n + i)];
  mean /= static_cast<double>(n);
  for (double damping = 1e-10;; damping *= 10) {
    for (std::int64_t i = 0; i < n; ++i)
      c[static_cast<std::size_t>(i * n + i)] += mean > 0 ? mean * damping : 1.0;
    if (detail::cholesky(c, n)) break;
    if (damping > 1)
      throw Error(ErrorCode::invalid_argument, "the second moments of a layer are far from being any");
    c = e.second_moment;
  }
  detail::invert_upper(c, n);
  // H^-1 = C^-1 C^-T: the rows of G C^-1 times each other.
  std::vector<double> product(c.size(), 0.0), least(c.size(), 0.0);
  detail::multiply_add(product.data(), n, n, n, n, {e.cross_moment.data(), n, 1}, c.data(), n);
  const std::vector<double> columns = transposed(product, n);
  detail::multiply_add(least.data(), n, n, n, n, {product.data(), n, 1}, columns.data(), n);
  return least;
}

std::vector<OutputError> output_errors(const LayerMoments& moments, const LayerMoments* original) {
  const std::int64_t groups = moments.groups(), n = moments.columns();
  if (original && (original->groups() != groups || original->columns() != n))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("layer '{}' has {} groups of {} columns, its original {} of {}", moments.layer(),
                            groups, n, original->groups(), original->columns()));
  std::vector<OutputError> errors(static_cast<std::size_t>(groups));
  for (std::int64_t g = 0; g < groups; ++g) {
    OutputError& e = errors[static_cast<std::size_t>(g)];
    e.columns = n;
    e.second_moment = moments.second_moment(g);
    if (!moments.has_other()) continue;
    e.cross_moment = transposed(moments.cross_moment(g), n);
    e.original_moment = original ? original->second_moment(g) : detail::least_original(e);
  }
  return errors;
}

std::vector<float> input_importance(std::span<const OutputError> errors, std::int64_t rows) {
  const auto groups = static_cast<std::int64_t>(errors.size());
  if (groups < 1 || rows % groups != 0)
    throw Error(ErrorCode::shape_mismatch, fmt::format("{} groups of inputs for {} rows", groups, rows));
  std::vector<float> importance;
  for (std::int64_t r = 0; r < rows; ++r) {
    const OutputError& e = errors[static_cast<std::size_t>(r / (rows / groups))];
    for (std::int64_t c = 0; c < e.columns; ++c)
      importance.push_back(static_cast<float>(e.second_moment[static_cast<std::size_t>(c * e.columns + c)]));
  }
  return importance;
}

}  // namespace lowbit
