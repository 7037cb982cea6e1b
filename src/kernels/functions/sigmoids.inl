// SPDX-License-Identifier: Apache-2.0
// sigmoid and tanh on the vectors of simd/vec.inl.
#pragma once

#include "kernels/functions/exponential.inl"

namespace lowbit::kernels::functions {
namespace {

/// e^-|x| keeps both halves from overflowing, and those far below 0 exact.
inline VecF sigmoid_of_sum(VecF x, VecF low) {
  const VecF zero = broadcast_f(0.0f), one = broadcast_f(1.0f);
  const Mask negative = is_less(x, zero);
  const VecF e = exp_of_sum(negated(abs_f(x)), select_f(negative, low, negated(low)));
  return div_f(select_f(negative, e, one), add_f(e, one));
}

inline VecF sigmoid_of(VecF x) {
  const VecF e = exp_of(negated(abs_f(x))), one = broadcast_f(1.0f);
  return div_f(select_f(is_less(x, broadcast_f(0.0f)), e, one), add_f(e, one));
}

/// (e^2a - 1) / (e^2a + 1) of a = |x|.
inline VecF tanh_of(VecF x) {
  const VecF a = clamp_above(abs_f(x), broadcast_f(10.0f));
  const VecF e = expm1_of(add_f(a, a));
  return with_sign(div_f(e, add_f(e, broadcast_f(2.0f))), x);
}

}  // namespace
}  // namespace lowbit::kernels::functions
