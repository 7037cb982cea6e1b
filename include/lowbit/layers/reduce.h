// SPDX-License-Identifier: Apache-2.0
// Reduce: sums, means, extremes and norms over axes of a sample. Sums are in double, elements in the order in
// which they lie.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

enum class Reduction : std::uint8_t { sum, mean, max, min, prod, l1, l2, sum_square, log_sum, log_sum_exp };

struct ReduceOp {
  static constexpr std::string_view kName = "Reduce";
  static constexpr Arithmetic kArithmetic = Arithmetic::real;
  Reduction reduction = Reduction::mean;
  std::vector<std::int64_t> axes;  ///< of the sample, ascending
  bool keep_axes = true;           ///< as axes of size 1

  template <class V>
  void visit_fields(V&& v) {
    v("reduction", reduction), v("axes", axes), v("keep_axes", keep_axes);
  }
};

/// Throws Error(invalid_argument) for axes that are not the sample's, or an extreme of no elements.
Shape infer_shape(const ReduceOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const ReduceOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
