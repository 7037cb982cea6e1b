// SPDX-License-Identifier: Apache-2.0
// Add: elementwise sum of two values of one shape, with a fused activation.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

struct AddOp {
  static constexpr std::string_view kName = "Add";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  Activation activation;

  template <class V>
  void visit_fields(V&& v) {
    v("activation", activation);
  }
};

Shape infer_shape(const AddOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const AddOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
