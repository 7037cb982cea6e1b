// SPDX-License-Identifier: Apache-2.0
// What the products of a layer, with its bias, should add up to in a quantized network: what the original
// layer's come to, and what the original residual has over the quantized one. A layer that reaches it gives
// the original output, whatever was lost before.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <vector>

#include "lowbit/model/model.h"
#include "recover/layer_rows.h"

namespace lowbit::detail {

/// Memory of one sample's targets.
struct TargetWork {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  std::vector<float> residual{}, other_residual{};
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> gathered{};  ///< rows of all groups
  Matrix rows{}, products{};  ///< of one group: [position][columns], [position][channels]
  std::vector<float> targets{};
  std::size_t channels = 0;

  void copy_row(std::size_t i, std::vector<float>& to) const {
    std::copy_n(targets.begin() + static_cast<std::ptrdiff_t>(i * channels), channels, to.begin());
  }
};

class LayerTargets {
 public:
  /// Graph::Node `node` of `model` ought to give what node `original_node` of `original` gives. Throws
  /// Error(invalid_argument) for an original without fp32 weights.
  LayerTargets(const Model& model, int node, const Model& original, int original_node);

  std::size_t work_bytes(std::int64_t positions) const;
  /// At these positions of a sample. `input` are the floats of the original layer's input, values those of
  /// both models.
  void compute(const LayerRows& rows, const float* input, const std::vector<std::int64_t>& positions,
               const std::vector<ops::TensorArg>& values, const std::vector<ops::TensorArg>& original,
               TargetWork& work) const;

 private:
  TargetWork::Matrix weights_;
  std::vector<float> bias_;
  std::int64_t groups_ = 1;
  ValueId residual_ = -1, original_residual_ = -1;
};

}  // namespace lowbit::detail
