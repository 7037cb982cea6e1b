// SPDX-License-Identifier: Apache-2.0
// LayerNorm: layer normalization over the last axis (Ba, Kiros and Hinton 2016), and without centring the
// normalization by the root mean square (Zhang and Sennrich 2019). Sums are floats in an order that is the
// same everywhere, so that the result has the same bits on every CPU. On codes: the reals that they stand
// for, and the code of the result.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

/// y = (x - mean) / sqrt(variance + epsilon) * scale + shift for each line along the last axis; without
/// centring y = x / sqrt(mean of squares + epsilon) * scale + shift.
struct LayerNormOp {
  static constexpr std::string_view kName = "LayerNorm";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  std::vector<float> scale, shift;  ///< [last axis], or empty: 1 and 0
  float epsilon = 1e-5f;
  bool is_centred = true;

  template <class V>
  void visit_fields(V&& v) {
    v("scale", scale), v("shift", shift), v("epsilon", epsilon), v("is_centred", is_centred);
  }
};

/// Throws Error(shape_mismatch) where `scale` or `shift` do not have the length of the last axis,
/// Error(invalid_argument) for a sample without dimensions or an epsilon that is negative or not finite.
Shape infer_shape(const LayerNormOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const LayerNormOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
