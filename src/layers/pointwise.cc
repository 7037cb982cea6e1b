// SPDX-License-Identifier: Apache-2.0
// Clamp and ScaleShift. On codes, Clamp limits them to the rounded codes of its bounds, and ScaleShift
// computes clamp(rint(float(code - z) * m + b), lo, hi) + z' with m = scale_in * scale / scale_out and b =
// shift / scale_out, each evaluated in double and rounded to float once.
#include "lowbit/layers/pointwise.h"

#include <fmt/format.h>

#include "layers/step_common.h"
#include "layers/table_step.h"

namespace lowbit::ops {
namespace {

class ClampF32 final : public Step {
 public:
  ClampF32(const Activation& activation, const SampleLayout& layout)
      : activation_(activation), layout_(layout) {}

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, layout_.pixels(), layout_.channels,
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       const float* in = args.inputs[0].sample<const float>(s) + p0 * layout_.pixel_stride;
                       float* out = args.output.sample<float>(s) + p0 * layout_.pixel_stride;
                       const Activation act = activation_;
                       for (std::int64_t i = 0, n = (p1 - p0) * layout_.pixel_stride; i < n; ++i)
                         out[i] = apply(act, in[i]);
                     });
  }

 private:
  Activation activation_;
  SampleLayout layout_;
};

class ClampU8 final : public Step {
 public:
  ClampU8(const Activation& activation, const ValueType& type) : layout_(type.layout()) {
    const CodeRange range = code_range(type, activation);
    lo_ = static_cast<std::uint8_t>(static_cast<std::int32_t>(range.lo) + range.zero_point);
    hi_ = static_cast<std::uint8_t>(static_cast<std::int32_t>(range.hi) + range.zero_point);
  }

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(
        args, layout_.pixels(), layout_.channels, [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
          const auto* in = args.inputs[0].sample<const std::uint8_t>(s) + p0 * layout_.pixel_stride;
          auto* out = args.output.sample<std::uint8_t>(s) + p0 * layout_.pixel_stride;
          const std::uint8_t lo = lo_, hi = hi_;
          for (std::int64_t i = 0, n = (p1 - p0) * layout_.pixel_stride; i < n; ++i) {
            const std::uint8_t x = in[i] < lo ? lo : in[i];
            out[i] = x > hi ? hi : x;
          }
        });
  }

 private:
  std::uint8_t lo_ = 0, hi_ = 255;
  SampleLayout layout_;
};

std::vector<float> per_channel_values(const std::vector<float>& values, std::int64_t channels) {
  if (values.size() == 1) return std::vector<float>(static_cast<std::size_t>(channels), values[0]);
  return values;
}

class ScaleShiftF32 final : public Step {
 public:
  ScaleShiftF32(const ScaleShiftOp& op, const SampleLayout& layout)
      : scale_(per_channel_values(op.scale, layout.channels)),
        shift_(per_channel_values(op.shift, layout.channels)),
        activation_(op.activation),
        layout_(layout) {}

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, layout_.pixels(), layout_.channels,
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       const float* in = args.inputs[0].sample<const float>(s);
                       float* out = args.output.sample<float>(s);
                       const float *scale = scale_.data(), *shift = shift_.data();
                       const Activation act = activation_;
                       for (std::int64_t p = p0; p < p1; ++p) {
                         const float* x = in + p * layout_.pixel_stride;
                         float* y = out + p * layout_.pixel_stride;
                         for (std::int64_t c = 0; c < layout_.channels; ++c)
                           y[c] = apply(act, x[c] * scale[c] + shift[c]);
                       }
                     });
  }

 private:
  std::vector<float> scale_, shift_;
  Activation activation_;
  SampleLayout layout_;
};

class ScaleShiftU8 final : public Step {
 public:
  ScaleShiftU8(const ScaleShiftOp& op, const StepSpec& spec)
      : range_(code_range(*spec.output, op.activation)),
        in_zero_(spec.inputs[0]->qparams.zero_point),
        layout_(spec.output->layout()) {
    const double in_scale = spec.inputs[0]->qparams.scale, out_scale = spec.output->qparams.scale;
    for (const float s : per_channel_values(op.scale, layout_.channels))
      multiplier_.push_back(multiplier(in_scale * static_cast<double>(s), out_scale));
    for (const float s : per_channel_values(op.shift, layout_.channels))
      offset_.push_back(multiplier(s, out_scale));
  }

  /// Of one factor and one summand: what run() gives for each code.
  static CodeTable table(const ScaleShiftOp& op, const StepSpec& spec) {
    const CodeRange range = code_range(*spec.output, op.activation);
    const QParams in = spec.inputs[0]->qparams, out = spec.output->qparams;
    const float m = multiplier(static_cast<double>(in.scale) * static_cast<double>(op.scale[0]), out.scale);
    const float offset = multiplier(op.shift[0], out.scale);
    CodeTable codes{};
    for (std::int32_t code = 0; code < 256; ++code)
      codes[static_cast<std::size_t>(code)] =
          u8_code(range, static_cast<float>(code - in.zero_point) * m + offset);
    return codes;
  }

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, layout_.pixels(), layout_.channels,
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       const auto* in = args.inputs[0].sample<const std::uint8_t>(s);
                       auto* out = args.output.sample<std::uint8_t>(s);
                       const float *m = multiplier_.data(), *offset = offset_.data();
                       const CodeRange range = range_;
                       for (std::int64_t p = p0; p < p1; ++p) {
                         const std::uint8_t* x = in + p * layout_.pixel_stride;
                         std::uint8_t* y = out + p * layout_.pixel_stride;
                         for (std::int64_t c = 0; c < layout_.channels; ++c)
                           y[c] = u8_code(range, static_cast<float>(x[c] - in_zero_) * m[c] + offset[c]);
                       }
                     });
  }

 private:
  CodeRange range_;
  std::int32_t in_zero_;
  std::vector<float> multiplier_, offset_;
  SampleLayout layout_;
};

}  // namespace

Shape infer_shape(const ClampOp&, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, ClampOp::kName);
  return inputs[0];
}

Shape infer_shape(const ScaleShiftOp& op, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, ScaleShiftOp::kName);
  const auto channels = static_cast<std::size_t>(sample_layout(inputs[0], DType::f32).channels);
  for (const std::size_t n : {op.scale.size(), op.shift.size()})
    if (n != 1 && n != channels)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("ScaleShift: {} factors do not fit the {} channels of a value "
                              "of shape {}",
                              n, channels, inputs[0].to_string()));
  return inputs[0];
}

std::unique_ptr<Step> make_step(const ClampOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, ClampOp::kName) == DType::f32)
    return std::make_unique<ClampF32>(op.activation, spec.output->layout());
  require_equal_qparams(spec, ClampOp::kName);
  return std::make_unique<ClampU8>(op.activation, *spec.output);
}

std::unique_ptr<Step> make_step(const ScaleShiftOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (require_same_dtype(spec, ScaleShiftOp::kName) == DType::f32)
    return std::make_unique<ScaleShiftF32>(op, spec.output->layout());
  if (op.scale.size() == 1 && op.shift.size() == 1)
    return std::make_unique<TableStep>(ScaleShiftU8::table(op, spec), spec.output->layout());
  return std::make_unique<ScaleShiftU8>(op, spec);
}

}  // namespace lowbit::ops
