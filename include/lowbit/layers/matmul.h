// SPDX-License-Identifier: Apache-2.0
// MatMul: the product of two computed values, as attention has it. Leading axes are matrices side by side.
// On codes sums are exact, and rounded to float once.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

/// [..., M, K] times [..., K, N]; leading axes of size 1 are repeated.
struct MatMulOp {
  static constexpr std::string_view kName = "MatMul";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  template <class V>
  void visit_fields(V&&) {}
};

/// Throws Error(shape_mismatch) for shapes that do not multiply.
Shape infer_shape(const MatMulOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const MatMulOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
