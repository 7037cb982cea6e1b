// SPDX-License-Identifier: Apache-2.0
// Operators on single elements: Clamp (ReLU and Clip that could not be fused), ScaleShift (BatchNormalization
// and arithmetic with constants that could not be folded), Quantize and Dequantize (between f32 and u8
// values).
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

/// Limits values to the activation's range. On codes: output qparams equal the input's.
struct ClampOp {
  static constexpr std::string_view kName = "Clamp";
  static constexpr Arithmetic kArithmetic = Arithmetic::movement;
  Activation activation;

  template <class V>
  void visit_fields(V&& v) {
    v("activation", activation);
  }
};

/// y = x * scale + shift per channel, then the activation.
struct ScaleShiftOp {
  static constexpr std::string_view kName = "ScaleShift";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  std::vector<float> scale, shift;  ///< [channels], or one element for all
  Activation activation;

  template <class V>
  void visit_fields(V&& v) {
    v("scale", scale), v("shift", shift), v("activation", activation);
  }
};

/// f32 in, u8 or rows out.
struct QuantizeOp {
  static constexpr std::string_view kName = "Quantize";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  template <class V>
  void visit_fields(V&&) {}
};

/// u8 in, f32 out.
struct DequantizeOp {
  static constexpr std::string_view kName = "Dequantize";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  template <class V>
  void visit_fields(V&&) {}
};

Shape infer_shape(const ClampOp& op, std::span<const Shape> inputs);
Shape infer_shape(const ScaleShiftOp& op, std::span<const Shape> inputs);
Shape infer_shape(const QuantizeOp& op, std::span<const Shape> inputs);
Shape infer_shape(const DequantizeOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const ClampOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const ScaleShiftOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const QuantizeOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const DequantizeOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
