// SPDX-License-Identifier: Apache-2.0
// Quantize and Dequantize: the two doors between f32 and u8 values. Both run the vectorized loops of the
// kernels. A pixel of codes may be wider than a pixel of floats (it is rounded up to four codes); then they
// go pixel by pixel. Quantize also makes rows in codes.
#include <fmt/format.h>

#include "layers/dynamic_input.h"
#include "layers/quantize_pixels.h"
#include "layers/step_common.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/layers/pointwise.h"
#include "lowbit/layers/row_codes.h"

namespace lowbit::ops {
namespace {

/// Calls body(offset in the floats, offset in the codes, count) for the contiguous runs of pixels [p0, p1).
template <class Body>
void for_runs(const SampleLayout& f32, const SampleLayout& u8, std::int64_t p0, std::int64_t p1,
              Body&& body) {
  if (f32.pixel_stride == u8.pixel_stride) {
    body(p0 * f32.pixel_stride, p0 * u8.pixel_stride, static_cast<std::size_t>((p1 - p0) * f32.channels));
    return;
  }
  for (std::int64_t p = p0; p < p1; ++p)
    body(p * f32.pixel_stride, p * u8.pixel_stride, static_cast<std::size_t>(f32.channels));
}

class QuantizeStep final : public Step {
 public:
  explicit QuantizeStep(const StepSpec& spec) : in_(spec.inputs[0]->layout()), out_(spec.output->layout()) {
    params_ = u8_quantize_params(spec.output->qparams, spec.output->codes().qmax);
  }

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, in_.pixels(), in_.channels, [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
      const StridedFloats* outside = args.outside;
      const float* in =
          outside ? outside->data + s * outside->sample_stride : args.inputs[0].sample<const float>(s);
      std::uint8_t* out = args.output.sample<std::uint8_t>(s) + p0 * out_.pixel_stride;
      if (outside && !lies_as_input(*outside))
        quantize_planes(in + p0, outside->stride.back(), p1 - p0, in_.channels, out_.pixel_stride, params_,
                        out);
      else
        quantize_pixels(in + p0 * in_.channels, p1 - p0, in_.channels, out_.pixel_stride, params_, out);
    });
  }
  bool reads_outside(const StridedFloats& floats) const override {
    return lies_as_input(floats) || (in_.channels <= kMostPlanes && has_pixels_apart(floats, 1));
  }
  std::string kernel() const override { return kernels::elementwise().name; }

 private:
  /// Whether the pixels of a caller's floats lie one behind the other, so far apart.
  bool has_pixels_apart(const StridedFloats& floats, std::int64_t apart) const {
    const std::int64_t x = floats.stride[Shape::kMaxRank - 2], y = floats.stride[Shape::kMaxRank - 3];
    return (in_.width == 1 || x == apart) && (in_.height == 1 || y == apart * in_.width);
  }
  bool lies_as_input(const StridedFloats& floats) const {
    return (in_.channels == 1 || floats.stride.back() == 1) && has_pixels_apart(floats, in_.channels);
  }

  kernels::QuantizeParams params_;
  SampleLayout in_, out_;
};

class DequantizeStep final : public Step {
 public:
  explicit DequantizeStep(const StepSpec& spec)
      : qparams_(spec.inputs[0]->qparams), in_(spec.inputs[0]->layout()), out_(spec.output->layout()) {}

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, in_.pixels(), in_.channels, [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
      const auto* in = args.inputs[0].sample<const std::uint8_t>(s);
      float* out = args.output.sample<float>(s);
      for_runs(out_, in_, p0, p1, [&](std::int64_t x, std::int64_t code, std::size_t n) {
        kernels::elementwise().dequantize(in + code, n, {qparams_.scale, qparams_.zero_point}, out + x);
      });
    });
  }
  std::string kernel() const override { return kernels::elementwise().name; }

 private:
  QParams qparams_;
  SampleLayout in_, out_;
};

/// Each row gets a scale of its own.
class QuantizeRowsStep final : public Step {
 public:
  explicit QuantizeRowsStep(const StepSpec& spec)
      : in_(spec.inputs[0]->layout()), out_(spec.output->layout()), bits_(spec.output->bits) {}

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, in_.pixels(), in_.channels, [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
      encode_rows(args.inputs[0].sample<const float>(s) + p0 * in_.pixel_stride, p1 - p0, in_.channels, bits_,
                  args.output.sample<std::byte>(s) + p0 * out_.pixel_stride);
    });
  }

 private:
  SampleLayout in_, out_;
  int bits_;
};

void require_dtypes(const StepSpec& spec, DType in, std::string_view what) {
  if (spec.inputs[0]->dtype != in || spec.output->dtype == in)
    throw Error(ErrorCode::unsupported,
                fmt::format("{} takes {}", what, in == DType::f32 ? "f32 and gives u8" : "u8 and gives f32"));
  const ValueType& codes = in == DType::u8 ? *spec.inputs[0] : *spec.output;
  require_qparams(codes, what);
}

}  // namespace

Shape infer_shape(const QuantizeOp&, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, QuantizeOp::kName);
  return inputs[0];
}

Shape infer_shape(const DequantizeOp&, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, DequantizeOp::kName);
  return inputs[0];
}

std::unique_ptr<Step> make_step(const QuantizeOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  if (spec.output->dtype == DType::rows && spec.inputs[0]->dtype == DType::f32)
    return std::make_unique<QuantizeRowsStep>(spec);
  require_dtypes(spec, DType::f32, QuantizeOp::kName);
  return std::make_unique<QuantizeStep>(spec);
}

std::unique_ptr<Step> make_step(const DequantizeOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  require_dtypes(spec, DType::u8, DequantizeOp::kName);
  return std::make_unique<DequantizeStep>(spec);
}

}  // namespace lowbit::ops
