// SPDX-License-Identifier: Apache-2.0
// Operators that move elements without computing: Flatten, Reshape, Pad, Slice. Element order is logical (C,
// H, W); where memory order (channels last) differs, they copy.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

/// To rank 1.
struct FlattenOp {
  static constexpr std::string_view kName = "Flatten";
  static constexpr Arithmetic kArithmetic = Arithmetic::movement;
  template <class V>
  void visit_fields(V&&) {}
};

/// To another sample shape with as many elements.
struct ReshapeOp {
  static constexpr std::string_view kName = "Reshape";
  static constexpr Arithmetic kArithmetic = Arithmetic::movement;
  std::vector<std::int64_t> shape;

  template <class V>
  void visit_fields(V&& v) {
    v("shape", shape);
  }
};

/// Constant padding (or cropping, where negative) of each axis of the sample. On codes the value is quantized
/// with the input's qparams, which represent zero exactly.
struct PadOp {
  static constexpr std::string_view kName = "Pad";
  static constexpr Arithmetic kArithmetic = Arithmetic::movement;
  std::vector<std::int64_t> before, after;  ///< one per axis of the sample
  float value = 0.0f;

  template <class V>
  void visit_fields(V&& v) {
    v("before", before), v("after", after), v("value", value);
  }
};

/// starts[i], steps[i] > 0 and sizes[i] elements of each axis of the sample.
struct SliceOp {
  static constexpr std::string_view kName = "Slice";
  static constexpr Arithmetic kArithmetic = Arithmetic::movement;
  std::vector<std::int64_t> starts, steps, sizes;

  template <class V>
  void visit_fields(V&& v) {
    v("starts", starts), v("steps", steps), v("sizes", sizes);
  }
};

Shape infer_shape(const FlattenOp& op, std::span<const Shape> inputs);
Shape infer_shape(const ReshapeOp& op, std::span<const Shape> inputs);
Shape infer_shape(const PadOp& op, std::span<const Shape> inputs);
Shape infer_shape(const SliceOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const FlattenOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const ReshapeOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const PadOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const SliceOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
