// SPDX-License-Identifier: Apache-2.0
// Softmax over one axis of the sample, in f32 with the library's own exp, so that its bits are the same
// everywhere.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

struct SoftmaxOp {
  static constexpr std::string_view kName = "Softmax";
  static constexpr Arithmetic kArithmetic = Arithmetic::real;
  std::int64_t axis = 0;  ///< of the sample

  template <class V>
  void visit_fields(V&& v) {
    v("axis", axis);
  }
};

Shape infer_shape(const SoftmaxOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const SoftmaxOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
