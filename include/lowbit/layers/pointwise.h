// Operators on single elements: Clamp (ReLU and Clip that could not be fused), ScaleShift (BatchNormalization
// and arithmetic with constants that could not be folded), Quantize and Dequantize (between f32 and u8
// values).
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

/// Limits values to the activation's range. On codes: output qparams equal the input's.
struct Clamp {
  static constexpr std::string_view kName = "Clamp";
  static constexpr Arithmetic kArithmetic = Arithmetic::movement;
  Activation activation;

  template <class V>
  void visit_fields(V&& v) {
    v("activation", activation);
  }
};

/// y = x * scale + shift per channel, then the activation.
struct ScaleShift {
  static constexpr std::string_view kName = "ScaleShift";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  std::vector<float> scale, shift;  ///< [channels], or one element for all
  Activation activation;

  template <class V>
  void visit_fields(V&& v) {
    v("scale", scale), v("shift", shift), v("activation", activation);
  }
};

/// f32 in, u8 out.
struct Quantize {
  static constexpr std::string_view kName = "Quantize";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  template <class V>
  void visit_fields(V&&) {}
};

/// u8 in, f32 out.
struct Dequantize {
  static constexpr std::string_view kName = "Dequantize";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  template <class V>
  void visit_fields(V&&) {}
};

Shape infer_shape(const Clamp& op, std::span<const Shape> inputs);
Shape infer_shape(const ScaleShift& op, std::span<const Shape> inputs);
Shape infer_shape(const Quantize& op, std::span<const Shape> inputs);
Shape infer_shape(const Dequantize& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const Clamp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const ScaleShift& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const Quantize& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const Dequantize& op, const StepSpec& spec);

}  // namespace lowbit::ops
