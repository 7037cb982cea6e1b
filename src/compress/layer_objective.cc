// SPDX-License-Identifier: Apache-2.0
#include "compress/layer_objective.h"

#include <Eigen/Cholesky>
#include <algorithm>

#include "recover/index.h"

namespace lowbit::detail {
namespace {

/// Of the mean of the diagonal.
constexpr double kObjectiveDamping = 0.01;

}  // namespace

LayerObjective::LayerObjective(const MatrixView& weights, const TargetMoments& m)
    : rows_of_group(m.channels / m.groups),
      t(m.target),
      c(m.target_squares - m.target_mean.cwiseAbs2()),
      best(m.channels, m.columns) {
  for (std::int64_t g = 0; g < m.groups; ++g) {
    const Eigen::VectorXd mean = m.mean_of(g);
    TargetMoments::Matrix second = m.second[index(g)] - mean * mean.transpose();
    const double damping =
        std::max(kObjectiveDamping * second.trace() / static_cast<double>(m.columns), 1e-30);
    second.diagonal().array() += damping;
    const std::int64_t first = g * rows_of_group;
    for (std::int64_t r = first; r < first + rows_of_group; ++r)
      for (std::int64_t k = 0; k < m.columns; ++k) {
        const double w = weights(r, k);
        t(r, k) += damping * w - m.target_mean[r] * mean[k];
        c[r] += damping * w * w;
      }
    const Eigen::LLT<TargetMoments::Matrix> factor(second);
    best.middleRows(first, rows_of_group) =
        factor.solve(t.middleRows(first, rows_of_group).transpose()).transpose();
    h.push_back(std::move(second));
  }
}

RowLoss LayerObjective::row(std::int64_t r) const {
  return {h[index(r / rows_of_group)].data(), {t.data() + r * t.cols(), t.data() + (r + 1) * t.cols()}, c[r]};
}

}  // namespace lowbit::detail
