// SPDX-License-Identifier: Apache-2.0
// A layer that reads channels which may be removed: what the loss of some of its columns costs, and how the
// others make that good.
//
// Of inputs x with means m and covariances C, those of the columns R that go are estimated by those of the
// columns K that stay, x_R - m_R ~ A (x_K - m_K) with A = C_RK C_KK^-1: least squares. Then W_K + W_R A and
// b + W_R (m_R - A m_K) leave the error W_R S W_R^T with S = C_RR - C_RK C_KK^-1 C_KR, the inverse of the
// block R of C^-1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compress/channel_groups.h"
#include "lowbit/core/tensor.h"
#include "lowbit/recover/layer_stats.h"

namespace lowbit::detail {

/// Columns that go together.
struct ColumnBlock {
  std::size_t group = 0;
  std::vector<std::int64_t> columns{};
};

class ChannelReader {
 public:
  /// `node` is a Conv2d of one group or a Linear. Without `moments` costs are of magnitudes, and nothing is
  /// made good. Throws Error(invalid_argument) for moments of another layer or without second moments.
  ChannelReader(const Graph& graph, const Graph::Node& node, const ChannelGroups& groups,
                const LayerMoments* moments);

  const std::vector<ColumnBlock>& blocks() const { return blocks_; }
  /// Columns that stay, ascending.
  std::vector<std::int64_t> kept(const std::vector<bool>& gone) const;
  /// Of each block: the variance of the outputs that its loss leaves at best, relative to all of it; without
  /// moments its squares relative to those of a mean block.
  std::vector<double> costs() const;
  /// Weights and biases of `op`, the node's, once the columns of `gone` groups are lost.
  void make_good(ops::Op& op, const std::vector<bool>& gone) const;

 private:
  std::int64_t rows() const { return weights_.shape[0]; }
  std::int64_t columns() const { return weights_.shape[1]; }
  double weight(std::int64_t r, std::int64_t c) const {
    return weights_.data[static_cast<std::size_t>(r * columns() + c)];
  }
  double square_sum(const std::vector<std::int64_t>& columns) const;

  Tensor weights_;  ///< its matrix
  std::vector<ColumnBlock> blocks_{};
  std::vector<double> mean_{}, covariance_{};  ///< damped; empty without moments
};

/// Whether the node's columns are those of channels: not of a depthwise or grouped convolution.
bool reads_channels(const ops::Op& op);

}  // namespace lowbit::detail
