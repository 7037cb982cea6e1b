// SPDX-License-Identifier: Apache-2.0
// Function: a function of each element by itself, as sigmoid or GELU. On codes it is a table of 256 entries,
// made when the model is: one code for each code, so that all functions cost the same, and have the same bits
// on every CPU (they use no function of the C library but sqrt).
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

enum class Function : std::uint8_t {
  abs,
  elu,  ///< x, or alpha (e^x - 1) below 0
  erf,
  exp,
  gelu,          ///< x (1 + erf(x / sqrt 2)) / 2
  gelu_tanh,     ///< the approximation of GELU by tanh
  hard_sigmoid,  ///< alpha x + beta, limited to [0, 1]
  hard_swish,    ///< x hard_sigmoid(x) with this alpha and beta
  leaky_relu,    ///< x, or alpha x below 0
  log,
  power,  ///< x^alpha; of a negative x only where alpha is whole, else NaN
  reciprocal,
  sigmoid,
  silu,      ///< x sigmoid(alpha x)
  softplus,  ///< ln(1 + e^x)
  sqrt,
  tanh,
};

struct FunctionOp {
  static constexpr std::string_view kName = "Function";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  Function function = Function::abs;
  float alpha = 1.0f, beta = 0.0f;
  float scale_after = 1.0f, shift_after = 0.0f;  ///< y = f(x) scale_after + shift_after

  bool is_plain() const { return scale_after == 1.0f && shift_after == 0.0f; }
  template <class V>
  void visit_fields(V&& v) {
    v("function", function), v("alpha", alpha), v("beta", beta), v("scale_after", scale_after),
        v("shift_after", shift_after);
  }
};

/// "sigmoid", "leaky_relu", ...
std::string_view function_name(Function function);
/// The function of one element, rounded to float once (twice for the gelus and silu, which multiply); scaling
/// and shifting after round once each.
float function_value(const FunctionOp& op, float x);

/// Throws Error(invalid_argument) for parameters that are not finite, or a function that does not exist.
Shape infer_shape(const FunctionOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const FunctionOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
