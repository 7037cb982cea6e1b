// SPDX-License-Identifier: Apache-2.0
// Arithmetic: two values, or a value and a constant, element by element; axes of size 1 are repeated
// (numpy's broadcasting). On codes: the reals that codes stand for, the operation in float, the code of the
// result; the same bits on every CPU.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

enum class BinaryFunction : std::uint8_t { add, sub, mul, div, max, min };

struct BinaryOp {
  static constexpr std::string_view kName = "Binary";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  BinaryFunction function = BinaryFunction::add;
  /// Without data: both operands are values. Else the second operand, in logical order, of as many
  /// dimensions as the value.
  Tensor constant{};
  bool constant_first = false;  ///< the constant is the first operand

  template <class V>
  void visit_fields(V&& v) {
    v("function", function), v("constant", constant), v("constant_first", constant_first);
  }
};

/// "add", "sub", ...
std::string_view binary_name(BinaryFunction function);

/// Throws Error(shape_mismatch) for shapes that do not broadcast, Error(invalid_argument) for a function that
/// does not exist.
Shape infer_shape(const BinaryOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const BinaryOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
