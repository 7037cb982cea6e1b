// SPDX-License-Identifier: Apache-2.0
// Local response normalization across channels (Krizhevsky, Sutskever, Hinton, "ImageNet Classification with
// Deep Convolutional Neural Networks", 2012): each element is divided by a power of the sum of the squares in
// the channels around it.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

/// y = x / (offset + alpha / size * sum of x^2 over `size` channels from c - (size - 1) / 2 on)^beta
struct LrnOp {
  static constexpr std::string_view kName = "LRN";
  static constexpr Arithmetic kArithmetic = Arithmetic::real;
  std::int64_t size = 1;
  float alpha = 1e-4f, beta = 0.75f, offset = 1.0f;

  template <class V>
  void visit_fields(V&& v) {
    v("size", size), v("alpha", alpha), v("beta", beta), v("offset", offset);
  }
};

/// Throws Error(invalid_argument) for a size below 1.
Shape infer_shape(const LrnOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const LrnOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
