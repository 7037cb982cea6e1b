// SPDX-License-Identifier: Apache-2.0
// ops::LinearOp: y = W x + b over the last dimension (channels) of its input, with a fused activation. The
// typed layer for direct use from C++ is lowbit::Linear in linear.h.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

struct LinearOp {
  static constexpr std::string_view kName = "Linear";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;

  Tensor weight;            ///< [out][in]
  std::vector<float> bias;  ///< [out], or empty
  Activation activation;
  /// The input is C x H x W and is read in memory order (H, W, C); the columns of `weight` have been permuted
  /// to match. Set when a Flatten is fused into the layer.
  bool flattens_input = false;

  template <class V>
  void visit_fields(V&& v) {
    v("weight", weight), v("bias", bias), v("activation", activation), v("flattens_input", flattens_input);
  }
};

Shape infer_shape(const LinearOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const LinearOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
