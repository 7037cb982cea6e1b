// SPDX-License-Identifier: Apache-2.0
// Conv2d with quantized weights through the GEMM kernels, without im2col: the kernels follow row offsets
// (conv2d_taps_and_padding.h). With a static input range everything up to the output codes happens in the
// kernels' epilogue, the residual included. With a dynamic one the f32 sample is quantized first, and the
// output is f32. Weight-only, floats are multiplied as they are.

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "kernels/dispatch/wide_gemm_kernel.h"
#include "layers/conv2d_steps.h"
#include "layers/conv2d_taps_and_padding.h"
#include "layers/dynamic_input.h"
#include "layers/epilogue_terms.h"
#include "layers/padded_image.h"
#include "layers/quantize_pixels.h"
#include "layers/row_input.h"
#include "layers/row_memory.h"
#include "layers/sign_bits.h"
#include "layers/step_common.h"
#include "layers/weight_restorer.h"
#include "lowbit/kernels/gemm.h"
#include "lowbit/quant/effective.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

struct ConvGroup {
  kernels::PackedWeights weights;
  ColumnTerms terms;
};

/// All of a layer that no shape of an input changes.
struct ConvWeights {
  std::vector<ConvGroup> groups{};
  WeightRestorer restorer{};
  bool have_zeros = false;
};

// From so many pixels on, bytes are read faster than codes are decoded.
constexpr std::int64_t kManyPixels = 32;

/// `pixels` of the output; `taps` that have a piece of K of their own.
ConvWeights pack_weights(const ops::Conv2dOp& op, const ops::StepSpec& spec, const QuantizedMatrix& weights,
                         std::uint32_t taps, const LayerQuantization& quantization, std::int64_t pixels) {
  ConvWeights packed;
  const EffectiveWeights w(weights, activations_of(row_input(spec)));
  if (&weights == spec.weights) packed.restorer = WeightRestorer(w);
  const std::int64_t per_group = w.matrix().rows / op.groups;
  for (std::int64_t g = 0; g < op.groups; ++g) {
    const kernels::WeightSpec part = w.spec(taps, g * per_group, per_group);
    const auto row = static_cast<std::size_t>(g * per_group);
    kernels::PackedWeights group(part, pixels >= kManyPixels
                                           ? kernels::select_wide_gemm_kernel(part, spec.isa)
                                           : kernels::select_gemm_kernel(part, spec.isa));
    const std::span<const float> bias =
        op.bias.empty() ? std::span<const float>{} : std::span(op.bias).subspan(row, part.n);
    const std::span<const float> units(w.units());
    ColumnTerms terms(group, w.column_scales(g * per_group, per_group),
                      units.size() > 1 ? units.subspan(row, part.n) : units, bias, quantization);
    packed.have_zeros = packed.have_zeros || !group.weight_zero_points().empty();
    packed.groups.push_back({std::move(group), std::move(terms)});
  }
  return packed;
}

class Conv2dQuantizedWeights final : public ops::SharingStep<Conv2dQuantizedWeights> {
 public:
  Conv2dQuantizedWeights(const ops::Conv2dOp& op, const ops::StepSpec& spec)
      : activation_(op.activation),
        input_(row_input(spec)),
        signs_(sign_scale(spec)),
        in_(input_ == RowInput::signs
                ? sign_layout(spec.inputs[0]->shape, op.groups)
                : sample_layout(spec.inputs[0]->shape, input_ == RowInput::floats ? DType::f32 : DType::u8)),
        out_(spec.output->layout()),
        element_(spec.output->dtype == DType::u8 ? 1 : sizeof(float)),
        residual_f32_(has_f32_residual(spec)),
        quantization_(quantization_of(spec)) {
    const auto* same = ops::same_node<Conv2dQuantizedWeights>(spec);
    if (same ? same->padded_.has_value()
             : input_ == RowInput::codes && PaddedImage::suits(op, in_, *spec.weights))
      padded_.emplace(op.window, in_, out_);
    const SampleLayout& in = padded_ ? padded_->layout() : in_;
    const ops::Window& window = padded_ ? padded_->window() : op.window;
    const std::int64_t taps = window.kernel[0] * window.kernel[1];
    pads_ = window.pad != std::array<std::int64_t, 4>{0, 0, 0, 0} || reaches_outside(in, window);
    pointwise_ = !padded_ && taps == 1 && window.stride == std::array<std::int64_t, 2>{1, 1} && !pads_;
    if (!pointwise_) {
      offsets_ = spec.row_offsets
                     ? spec.row_offsets->get(in, out_, window, in_element())
                     : std::make_shared<const RowOffsets>(make_row_offsets(in, out_, window, in_element()));
    }
    if (same) {
      weights_ = same->weights_;
      return;
    }
    std::optional<QuantizedMatrix> wide;
    if (padded_) wide = PaddedImage::widened(*spec.weights, in_.channels);
    weights_ = std::make_shared<const ConvWeights>(pack_weights(op, spec, wide ? *wide : *spec.weights,
                                                                static_cast<std::uint32_t>(taps),
                                                                quantization_, out_.pixels()));
  }

  std::size_t scratch_bytes(std::int64_t batch, int) const override { return carve(nullptr, batch).bytes; }
  std::string kernel() const override { return weights_->groups[0].weights.kernel().name; }
  PackReport pack_report() const override {
    PackReport sum;
    for (const ConvGroup& group : weights_->groups) sum += group.weights.report();
    return sum;
  }
  bool keeps_weights() const override { return weights_->restorer.holds(weights_->groups[0].weights); }
  void restore_weights(QuantizedMatrix& weights) const override {
    weights_->restorer.prepare(weights);
    std::int64_t row = 0;
    for (const ConvGroup& group : weights_->groups) {
      WeightRestorer::restore(group.weights, row, weights);
      row += group.weights.n();
    }
  }
  bool reads_zero_pixel() const override { return pads_ && !makes_codes(); }

  void run(const ops::StepArgs& args) const noexcept override {
    const RowMemory memory = carve(args.scratch, args.batch);
    const std::uint8_t* codes = args.inputs[0].sample<std::uint8_t>(0);
    if (makes_codes()) {
      quantize_input(args, memory);
      codes = memory.codes;
    } else if (padded_) {
      pad_input(args, memory.codes);
      codes = memory.codes;
    } else if (memory.row_a) {
      std::fill_n(memory.row_a, rows(args.batch), quantization_.input->zero_point);
    }
    const auto groups = static_cast<std::int64_t>(weights_->groups.size());
    const std::int64_t group_bytes =
        input_ == RowInput::signs ? in_.pixel_stride / groups : in_.channels / groups * in_element();
    const std::int64_t out_per_group = out_.channels / groups;
    for (std::size_t g = 0; g < weights_->groups.size(); ++g) {
      kernels::GemmLhs lhs{.a = codes + static_cast<std::int64_t>(g) * group_bytes,
                           .images = static_cast<std::size_t>(args.batch),
                           .rows = static_cast<std::size_t>(out_.pixels()),
                           .image_stride = (padded_ ? padded_->layout() : in_).sample_stride * in_element(),
                           .row_stride = in_.pixel_stride * in_element(),
                           .offsets = pointwise_ ? nullptr : offsets_->data()};
      const std::ptrdiff_t column = static_cast<std::int64_t>(g) * out_per_group;
      run_group(args, memory, weights_->groups[g], lhs, column);
    }
    if (residual_f32_) add_residual(args);
  }

 private:
  bool makes_codes() const { return input_ == RowInput::quantize || input_ == RowInput::signs; }
  /// Bytes of an element of the input, once it is quantized; strides of sign bits are bytes already.
  std::int64_t in_element() const {
    return input_ == RowInput::floats ? static_cast<std::int64_t>(sizeof(float)) : 1;
  }
  std::size_t rows(std::int64_t batch) const { return static_cast<std::size_t>(batch * out_.pixels()); }

  /// Whether the scale of the input is found at run time.
  bool scales_rows() const {
    return input_ == RowInput::quantize || (input_ == RowInput::signs && signs_ == SignScale::mean);
  }
  RowMemory carve(std::byte* block, std::int64_t batch) const {
    return RowMemory::carve(
        block, rows(batch),
        {.row_scales = scales_rows(),
         .row_zeros = input_ == RowInput::quantize ||
                      (input_ == RowInput::codes && weights_->groups[0].weights.groups() > 1),
         .weight_zeros = weights_->have_zeros,
         .code_bytes = makes_codes() ? static_cast<std::size_t>(batch * in_.sample_stride + 64)
                       : padded_     ? static_cast<std::size_t>(batch * padded_->layout().sample_stride)
                                     : 0});
  }

  /// Without padding a window can still hang over the lower or right edge when the output was rounded up.
  bool reaches_outside(const SampleLayout& in, const ops::Window& w) const {
    const auto last = [&](int i, std::int64_t n) {
      return (n - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i];
    };
    return last(0, out_.height) >= in.height || last(1, out_.width) >= in.width;
  }

  void pad_input(const ops::StepArgs& args, std::uint8_t* images) const noexcept {
    auto one = [&](int b) {
      padded_->fill(args.inputs[0].sample<std::uint8_t>(b), quantization_.input->zero_point,
                    images + b * padded_->layout().sample_stride);
    };
    args.executor->parallel_for(static_cast<int>(args.batch), one);
  }

  void quantize_input(const ops::StepArgs& args, const RowMemory& memory) const noexcept {
    auto one = [&](int b) {
      const FloatEnvironmentGuard guard;  // the executor's threads are not always ours
      const float* x = args.inputs[0].sample<float>(b);
      std::uint8_t* codes = memory.codes + b * in_.sample_stride;
      const auto pixels = static_cast<std::size_t>(out_.pixels()),
                 first = static_cast<std::size_t>(b) * pixels;
      if (input_ == RowInput::signs) {
        take_signs(x, codes);
        if (scales_rows())
          std::fill_n(memory.row_scale + first, pixels,
                      mean_magnitude(x, static_cast<std::size_t>(in_.pixels() * in_.channels)));
        return;
      }
      const QParams p = choose_dynamic(x, static_cast<std::size_t>(in_.pixels() * in_.channels));
      quantize_pixels(x, in_.pixels(), in_.channels, in_.pixel_stride, u8_quantize_params(p), codes);
      std::memset(codes + in_.zero_pixel(), p.zero_point, static_cast<std::size_t>(in_.pixel_stride));
      std::fill_n(memory.row_scale + first, pixels, p.scale);
      std::fill_n(memory.row_a + first, pixels, p.zero_point);
    };
    args.executor->parallel_for(static_cast<int>(args.batch), one);
  }

  /// The channels of each group of each pixel, then a pixel of zeros: padding counts as +1.
  void take_signs(const float* x, std::uint8_t* codes) const noexcept {
    const auto groups = static_cast<std::int64_t>(weights_->groups.size()), channels = in_.channels / groups;
    const std::int64_t bytes = in_.pixel_stride / groups;
    for (std::int64_t i = 0; i < in_.pixels() * groups; ++i)
      sign_bits(x + i * channels, static_cast<std::size_t>(channels), codes + i * bytes);
    std::memset(codes + in_.zero_pixel(), 0, static_cast<std::size_t>(in_.pixel_stride));
  }

  void run_group(const ops::StepArgs& args, const RowMemory& memory, const ConvGroup& group,
                 const kernels::GemmLhs& lhs, std::ptrdiff_t column) const noexcept {
    kernels::GemmOut out;
    out.c = args.output.data + column * static_cast<std::ptrdiff_t>(element_);
    out.c_image_stride = static_cast<std::ptrdiff_t>(args.output.type->sample_bytes());
    out.c_row_bytes = static_cast<std::size_t>(out_.pixel_stride) * element_;
    ops::Activation activation = activation_;
    if (residual_f32_) activation = {};  // applied after the residual, in add_residual
    out.epilogue = base_epilogue(activation, quantization_);
    set_columns(out.epilogue, group.terms, group.weights, input_ == RowInput::quantize);
    if (quantization_.residual) {
      const SampleLayout residual = args.inputs[1].type->layout();
      out.epilogue.residual = args.inputs[1].sample<std::uint8_t>(0) + column;
      out.epilogue.residual_row_bytes = static_cast<std::size_t>(residual.pixel_stride);
      out.residual_image_stride = residual.sample_stride;
    }
    out.epilogue.row_scale = memory.row_scale;
    out.epilogue.row_a = memory.row_a;
    if (!group.weights.weight_zero_points().empty()) {
      kernels::row_sums(lhs, group.weights, memory.row_b);
      out.epilogue.row_b = memory.row_b;
    }
    kernels::gemm(lhs, group.weights, out, *args.executor);
  }

  /// Same order as in the epilogue: add, then limit.
  void add_residual(const ops::StepArgs& args) const noexcept {
    const std::int64_t count = out_.pixels() * out_.channels;
    for (std::int64_t b = 0; b < args.batch; ++b) {
      float* y = args.output.sample<float>(b);
      const float* r = args.inputs[1].sample<float>(b);
      for (std::int64_t i = 0; i < count; ++i) y[i] = ops::apply(activation_, y[i] + r[i]);
    }
  }

  ops::Activation activation_;
  RowInput input_;
  SignScale signs_;
  bool pads_ = false, pointwise_ = false;
  SampleLayout in_, out_;
  std::optional<PaddedImage> padded_;
  std::size_t element_;
  bool residual_f32_;
  LayerQuantization quantization_;
  std::shared_ptr<const RowOffsets> offsets_;
  std::shared_ptr<const ConvWeights> weights_;
};

}  // namespace

std::unique_ptr<ops::Step> ops::make_conv2d_quantized_weights(const ops::Conv2dOp& op,
                                                              const ops::StepSpec& spec) {
  const std::int64_t in_per_group = op.weight.shape[1];
  if (spec.weights->cols != op.window.kernel[0] * op.window.kernel[1] * in_per_group ||
      spec.weights->rows != op.out_channels())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("Conv2d weights of shape {} do not fit {} x {} codes",
                            op.weight.shape.to_string(), spec.weights->rows, spec.weights->cols));
  if (in_per_group == 1 && op.groups > 1 && spec.weights->groups() == 1) {
    const bool floats = row_input(spec) == RowInput::floats, signs = row_input(spec) == RowInput::signs;
    if (floats && op.groups == op.out_channels()) return make_depthwise_weight_only(op, spec);
    if (!floats && !signs && spec.weights->planes() == 1) return make_depthwise_int8(op, spec);
  }
  return std::make_unique<Conv2dQuantizedWeights>(op, spec);
}

}  // namespace lowbit
