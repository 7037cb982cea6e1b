// SPDX-License-Identifier: Apache-2.0
// One sweep over the columns of rows that share second moments, as gptq.h and qronos.h explain it: round a
// column, let those behind it make good.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lowbit/recover/output_error.h"
#include "lowbit/recover/weight_grid.h"

namespace lowbit::detail {

/// A row to be rounded. Several of them may be the same weights on different grids.
struct SweepRow {
  const WeightGrid* grid = nullptr;
  std::int64_t row = 0;             ///< in the grid
  std::int64_t group = 0;           ///< of the layer
  const double* weights = nullptr;  ///< n
  const double* slope = nullptr;    ///< n: w H - w G, for Qronos; null: none
  int* choice = nullptr;            ///< n, written
};

struct SweepOptions {
  double damping = 0;  ///< absolute
  int raises = 0;
  bool act_order = true;
};

class Sweep {
 public:
  /// Throws Error(invalid_argument), naming `group`, where no damping allowed makes H positive definite.
  Sweep(const OutputError& error, const SweepOptions& options, std::size_t group);

  double damping() const { return damping_; }  ///< that was added in the end
  int tries() const { return tries_; }

  /// Rows do not depend on each other; a few at a time share what they read.
  void round(std::span<const SweepRow> rows) const;

 private:
  void start_qronos(const SweepRow& row, double* w) const;
  std::size_t at(std::int64_t i, std::int64_t j) const { return static_cast<std::size_t>(i * n_ + j); }

  std::int64_t n_ = 0;
  std::vector<std::int64_t> order_;  ///< columns as they are taken
  std::vector<double> first_row_;    ///< of the damped H, permuted
  std::vector<double> upper_;        ///< U, permuted
  double damping_ = 0;
  int tries_ = 0;
};

/// Each row by the sweep of its group, on several threads.
void round_rows(std::span<const Sweep> sweeps, std::span<const SweepRow> rows, int threads);

/// The dampings of the papers, in absolute terms.
double gptq_damping(const OutputError& error, double share);
double qronos_damping(const OutputError& error, double share);

}  // namespace lowbit::detail
