// SPDX-License-Identifier: Apache-2.0
// The squared error of a layer's outputs as a function of its weights, bias left free, for those who choose
// codes one weight at a time.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "recover/layer_judge.h"

namespace lowbit::detail {

/// q H q - 2 q t + c of one row.
struct RowLoss {
  const double* h = nullptr;  ///< [columns][columns]
  std::vector<double> t{};
  double c = 0;
};

struct LayerObjective {
  /// About the means; damped, so that weights that the samples say little about stay where they are.
  LayerObjective(const MatrixView& weights, const TargetMoments& moments);

  RowLoss row(std::int64_t r) const;

  std::int64_t rows_of_group;
  std::vector<TargetMoments::Matrix> h;  ///< one a group
  TargetMoments::Matrix t;
  Eigen::VectorXd c;           ///< their sum is that of the outputs' variances
  TargetMoments::Matrix best;  ///< real weights of least error
};

}  // namespace lowbit::detail
