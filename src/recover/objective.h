// SPDX-License-Identifier: Apache-2.0
// The loss of output_error.h as the rounders use it: around the weights w of a row, with d = q - w,
//
//   loss(q) = d H d^T + 2 d g^T + c        g = w H - w G,  c = w (H - 2 G + F) w^T
//
// so that losses far below those of the weights themselves keep their digits. g and c are 0 where layers are
// looked at alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/view.h"
#include "lowbit/recover/output_error.h"

namespace lowbit::detail {

/// G H^-1 G^T.
std::vector<double> least_original(const OutputError& error);

class Objective {
 public:
  /// Checks shapes and that everything is finite. `errors` must outlive it.
  Objective(const MatrixView& weights, std::span<const OutputError> errors, int threads);

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t rows_of_group() const { return rows_ / static_cast<std::int64_t>(errors_.size()); }
  std::int64_t group(std::int64_t row) const { return row / rows_of_group(); }
  const OutputError& error(std::int64_t row) const { return errors_[static_cast<std::size_t>(group(row))]; }
  const double* h(std::int64_t row) const { return error(row).second_moment.data(); }
  const double* weights(std::int64_t row) const { return weights_.data() + row * columns_; }
  /// g; null where it is 0.
  const double* slope(std::int64_t row) const {
    return slope_.empty() ? nullptr : slope_.data() + row * columns_;
  }

  /// Half of the loss's derivative by q: d H + g.
  void gradient(std::int64_t row, const double* q, double* out) const;
  /// Of several rows, [rows.size()][columns] each; a row may be there more than once. Reading H once for all
  /// of them takes less than half the time.
  void gradients(std::span<const std::int64_t> rows, const double* q, double* out) const;
  /// With the gradient at q.
  double loss(std::int64_t row, const double* q, const double* gradient) const;

 private:
  void add_slopes(int threads);

  std::span<const OutputError> errors_;
  std::int64_t rows_ = 0, columns_ = 0;
  std::vector<double> weights_, slope_, constant_;
  std::vector<std::vector<double>> least_;  // F of groups that have none
};

}  // namespace lowbit::detail
