// SPDX-License-Identifier: Apache-2.0
// Transpose: axes of a sample in another order. Codes and floats move alike.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

struct TransposeOp {
  static constexpr std::string_view kName = "Transpose";
  static constexpr Arithmetic kArithmetic = Arithmetic::movement;
  std::vector<std::int64_t> axes;  ///< axis i of the output is axis axes[i] of the input

  template <class V>
  void visit_fields(V&& v) {
    v("axes", axes);
  }
};

/// Throws Error(invalid_argument) unless `axes` names each axis of the sample once.
Shape infer_shape(const TransposeOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const TransposeOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
