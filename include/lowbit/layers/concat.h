// SPDX-License-Identifier: Apache-2.0
// Concat: joins values along one axis of the sample (batch excluded). u8 inputs whose qparams differ from the
// output's are requantized through a table of 256 codes.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

struct ConcatOp {
  static constexpr std::string_view kName = "Concat";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  std::int64_t axis = 0;  ///< of the sample: 0 is C in C x H x W

  template <class V>
  void visit_fields(V&& v) {
    v("axis", axis);
  }
};

Shape infer_shape(const ConcatOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const ConcatOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
