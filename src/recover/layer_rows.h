// SPDX-License-Identifier: Apache-2.0
// The rows that a layer multiplies its weight matrix by: patches of a convolution, the features of a Linear,
// as floats, whatever type the value has.
#pragma once

#include <cstdint>
#include <vector>

#include "lowbit/layers/step.h"
#include "lowbit/model/model.h"

namespace lowbit::detail {

/// One layer with weights of a model: a Conv2d, or one that multiplies features as Linear does.
class LayerRows {
 public:
  /// `node` has weights.
  LayerRows(const Model& model, int node);

  int node() const { return node_; }
  ValueId input() const { return input_; }
  ValueId output() const { return output_; }
  std::int64_t groups() const { return groups_; }
  std::int64_t columns() const { return columns_; }    ///< of one group's rows
  std::int64_t channels() const { return channels_; }  ///< of the output
  std::int64_t positions() const { return out_height_ * out_width_; }
  /// Whether rows of both are patches of the same geometry.
  bool same_geometry(const LayerRows& other) const;

  /// The sample of a value as height x width x channels floats; codes are decoded to `buffer`.
  static const float* floats(const ops::TensorArg& value, std::vector<float>& buffer);
  /// Row `position` of a sample of the input: [groups][columns], zeros in the padding.
  void gather(const float* sample, std::int64_t position, float* row) const;

 private:
  int node_;
  ValueId input_, output_;
  std::int64_t groups_ = 1, columns_, channels_, group_channels_;
  std::int64_t height_ = 1, width_ = 1, in_channels_, out_height_ = 1, out_width_ = 1;
  ops::Window window_;  ///< of a Linear: 1 x 1
};

}  // namespace lowbit::detail
