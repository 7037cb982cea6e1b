// SPDX-License-Identifier: Apache-2.0
// How far a layer is from its targets, read off moments: what a recovery compares codes by, on samples that
// the codes were not made from.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/recover/layer_stats.h"

namespace lowbit::detail {

/// A layer's moments with targets as matrices, of each group: second moments H of inputs y, and of all
/// channels the targets' moments T = E[t y^T].
struct TargetMoments {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  explicit TargetMoments(const LayerMoments& moments);

  std::int64_t groups, columns, channels;
  std::vector<Matrix> second;
  Matrix target;                                ///< [channels][columns]
  Eigen::VectorXd input_mean;                   ///< [groups * columns]
  Eigen::VectorXd target_mean, target_squares;  ///< [channels]
  std::int64_t group_of(std::int64_t channel) const { return channel / (channels / groups); }
  Eigen::VectorXd mean_of(std::int64_t group) const { return input_mean.segment(group * columns, columns); }
};

/// 10 log10 of E|t|^2 over E|t - q y - bias|^2, all channels together. `bias` may be empty: zeros.
double target_sqnr(const TargetMoments& moments, const QuantizedMatrix& codes,
                   const std::vector<float>& bias);

/// The bias of each channel that takes away the mean error: E[t] - q E[y].
std::vector<float> bias_for(const TargetMoments& moments, const QuantizedMatrix& codes);

}  // namespace lowbit::detail
