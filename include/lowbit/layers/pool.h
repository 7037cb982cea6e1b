// SPDX-License-Identifier: Apache-2.0
// Pools over C x H x W values, ONNX semantics. MaxPool moves codes; the averages sum codes exactly in int32
// and requantize once.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

struct MaxPoolOp {
  static constexpr std::string_view kName = "MaxPool";
  static constexpr Arithmetic kArithmetic = Arithmetic::movement;
  Window window;
  bool ceil_mode = false;

  template <class V>
  void visit_fields(V&& v) {
    v("window", window), v("ceil_mode", ceil_mode);
  }
};

struct AveragePoolOp {
  static constexpr std::string_view kName = "AveragePool";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  Window window;
  bool ceil_mode = false;
  bool count_include_pad = false;

  template <class V>
  void visit_fields(V&& v) {
    v("window", window), v("ceil_mode", ceil_mode), v("count_include_pad", count_include_pad);
  }
};

/// C x H x W to C x 1 x 1.
struct GlobalAveragePoolOp {
  static constexpr std::string_view kName = "GlobalAveragePool";
  static constexpr Arithmetic kArithmetic = Arithmetic::integer;
  template <class V>
  void visit_fields(V&&) {}
};

Shape infer_shape(const MaxPoolOp& op, std::span<const Shape> inputs);
Shape infer_shape(const AveragePoolOp& op, std::span<const Shape> inputs);
Shape infer_shape(const GlobalAveragePoolOp& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const MaxPoolOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const AveragePoolOp& op, const StepSpec& spec);
std::unique_ptr<Step> make_step(const GlobalAveragePoolOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
