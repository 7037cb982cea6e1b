// SPDX-License-Identifier: Apache-2.0
// f32: y = activation(a + b). u8: y = clamp(rint((a - za) * ma + (b - zb) * mb), lo, hi) + zero_point with ma
// = scale_a / scale_out and mb = scale_b / scale_out, each rounded to float once; the activation narrows lo
// and hi.
#include "lowbit/layers/add.h"

#include <fmt/format.h>

#include "layers/step_common.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit::ops {
namespace {

class AddF32 final : public Step {
 public:
  AddF32(const Activation& activation, const SampleLayout& layout)
      : activation_(activation), layout_(layout) {}

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(
        args, layout_.pixels(), layout_.channels, [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
          const std::int64_t first = p0 * layout_.pixel_stride, n = (p1 - p0) * layout_.pixel_stride;
          const float* a = args.inputs[0].sample<const float>(s) + first;
          const float* b = args.inputs[1].sample<const float>(s) + first;
          float* out = args.output.sample<float>(s) + first;
          const Activation act = activation_;
          for (std::int64_t i = 0; i < n; ++i) out[i] = apply(act, a[i] + b[i]);
        });
  }

 private:
  Activation activation_;
  SampleLayout layout_;
};

class AddU8 final : public Step {
 public:
  AddU8(const Activation& activation, const StepSpec& spec) : layout_(spec.output->layout()) {
    const QParams a = spec.inputs[0]->qparams, b = spec.inputs[1]->qparams, out = spec.output->qparams;
    const CodeRange range = code_range(*spec.output, activation);
    params_.a_zero = static_cast<float>(a.zero_point);
    params_.b_zero = static_cast<float>(b.zero_point);
    params_.a_multiplier = multiplier(a.scale, out.scale);
    params_.b_multiplier = multiplier(b.scale, out.scale);
    params_.lo = range.lo;
    params_.hi = range.hi;
    params_.zero_point = out.zero_point;
  }

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(
        args, layout_.pixels(), layout_.channels, [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
          const std::int64_t first = p0 * layout_.pixel_stride, n = (p1 - p0) * layout_.pixel_stride;
          kernels::elementwise().add_u8(args.inputs[0].sample<const std::uint8_t>(s) + first,
                                        args.inputs[1].sample<const std::uint8_t>(s) + first,
                                        static_cast<std::size_t>(n), params_,
                                        args.output.sample<std::uint8_t>(s) + first);
        });
  }
  std::string kernel() const override { return kernels::elementwise().name; }

 private:
  kernels::AddParams params_;
  SampleLayout layout_;
};

}  // namespace

Shape infer_shape(const AddOp&, std::span<const Shape> inputs) {
  require_inputs(inputs, 2, AddOp::kName);
  if (!(inputs[0] == inputs[1]))
    throw Error(ErrorCode::shape_mismatch, fmt::format("Add: the shapes {} and {} differ",
                                                       inputs[0].to_string(), inputs[1].to_string()));
  return inputs[0];
}

std::unique_ptr<Step> make_step(const AddOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, AddOp::kName) == DType::f32)
    return std::make_unique<AddF32>(op.activation, spec.output->layout());
  return std::make_unique<AddU8>(op.activation, spec);
}

}  // namespace lowbit::ops
