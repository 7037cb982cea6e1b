// SPDX-License-Identifier: Apache-2.0
// Array: an operator of ONNX that has no kernel of its own here. It runs in plain loops on whole tensors of
// any element type, as the standard describes it; nothing of it is quantized.
#pragma once

#include <string>

#include "lowbit/core/array.h"
#include "lowbit/core/array_attribute.h"
#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

struct ArrayOp {
  static constexpr std::string_view kName = "Array";
  static constexpr Arithmetic kArithmetic = Arithmetic::real;
  /// In the places of `sources`.
  static constexpr std::int64_t kLeftOut = -1, kValue = -2;

  std::string function;    ///< as ONNX names the operator
  std::int64_t opset = 1;  ///< version of the operator set
  std::vector<ArrayAttribute> attributes{};
  /// One for each input of the ONNX operator: kValue for the next input of the node, kLeftOut, or a place in
  /// `constants`.
  std::vector<std::int64_t> sources{};
  std::vector<arrays::Array> constants{};
  std::vector<ElementType> elements{};    ///< of the node's inputs, in their order
  std::int64_t outputs = 1;               ///< that the ONNX operator names
  std::int64_t output = 0;                ///< which of them this node computes
  ElementType result = ElementType::f32;  ///< of that output

  template <class V>
  void visit_fields(V&& v) {
    v("function", function), v("opset", opset), v("attributes", attributes), v("sources", sources),
        v("constants", constants), v("elements", elements), v("outputs", outputs), v("output", output),
        v("result", result);
  }
};

/// Throws Error(unsupported) for a function that does not exist or a form of it that is not there,
/// Error(corrupt_file) for inputs that contradict the standard.
/// The element type of what it computes, which `result` has to say; throws the same.
ElementType array_result(const ArrayOp& op, std::span<const Shape> inputs);
Shape infer_shape(const ArrayOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const ArrayOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
