// SPDX-License-Identifier: Apache-2.0
// Conv2d: 2-d convolution with any kernel, stride, padding, dilation and groups; bias, activation and the
// addition of a residual are fused into it. A second input, when the node has one, is the residual: it is
// added before the activation. ONNX Conv semantics.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

struct Conv2dOp {
  static constexpr std::string_view kName = "Conv2d";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;

  Tensor weight;            ///< [out][in / groups][kernel height][kernel width]
  std::vector<float> bias;  ///< [out], or empty
  Window window;
  std::int64_t groups = 1;
  Activation activation;

  std::int64_t out_channels() const { return weight.shape[0]; }
  template <class V>
  void visit_fields(V&& v) {
    v("weight", weight), v("bias", bias), v("window", window), v("groups", groups),
        v("activation", activation);
  }
};

Shape infer_shape(const Conv2dOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const Conv2dOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
