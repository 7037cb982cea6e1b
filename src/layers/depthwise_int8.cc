// Depthwise Conv2d on u8 codes: each output channel reads one input channel, so there is nothing to reuse in
// a matrix product; a direct loop over channels, contiguous in memory, vectorizes by itself. Weights enter as
// code - zero_point in int16, sums are exact in int32, and the float steps follow the epilogue in
// gemm_kernel.h.

#include <algorithm>
#include <cstring>

#include "layers/column_terms.h"
#include "layers/conv2d_steps.h"
#include "layers/dynamic_input.h"
#include "layers/indirection.h"
#include "layers/quantize_pixels.h"
#include "layers/scratch.h"
#include "layers/step_common.h"

namespace lowbit {
namespace {

constexpr std::int64_t kBlock = 64;  // channels whose accumulators stay on the stack

/// What to add to the accumulators of one sample and how to scale them; the input's qparams may be per
/// sample.
struct SampleInput {
  const std::uint8_t* codes;
  std::int32_t zero_point;
  float row_scale;
};

class DepthwiseInt8 final : public Step {
 public:
  DepthwiseInt8(const ops::Conv2d& op, const StepSpec& spec)
      : dynamic_(spec.dynamic),
        multiplier_(spec.weights->rows / op.groups),
        taps_(spec.weights->cols),
        in_(sample_layout(spec.inputs[0]->shape, DType::u8)),
        out_(spec.output->layout()),
        out_u8_(spec.output->dtype == DType::u8),
        offsets_(make_row_offsets(in_, out_, op.window)) {
    const QuantizedMatrix& w = *spec.weights;
    if (!dynamic_) q_.input = spec.inputs[0]->qparams;
    if (out_u8_) q_.output = spec.output->qparams;
    residual_f32_ = spec.inputs.size() > 1 && spec.inputs[1]->dtype == DType::f32;
    if (spec.inputs.size() > 1 && !residual_f32_) q_.residual = spec.inputs[1]->qparams;
    const float inverse_out = q_.output ? 1.0f / q_.output->scale : 1.0f;
    const float s_in = q_.input ? q_.input->scale : 1.0f;
    const std::int32_t middle = w.format == WeightFormat::s8 ? 0 : w.format == WeightFormat::u4 ? 8 : 2;
    weights_.resize(static_cast<std::size_t>(taps_ * w.rows));
    sums_.resize(static_cast<std::size_t>(w.rows));
    for (std::int64_t o = 0; o < w.rows; ++o) {
      const auto column = static_cast<std::size_t>(o);
      const std::int32_t zero = w.zero_points.empty() ? middle : w.zero_points[column];
      for (std::int64_t t = 0; t < taps_; ++t) {
        const std::int32_t value = w.code(o, t) - zero;
        weights_[static_cast<std::size_t>(t * w.rows + o)] = static_cast<std::int16_t>(value);
        sums_[column] += value;
      }
      const float s = s_in * w.scales[column];
      scale_.push_back(s * inverse_out);
      addend_.push_back(op.bias.empty() ? 0.0f : op.bias[column] * inverse_out);
    }
    has_bias_ = !op.bias.empty();
    epilogue_ = base_epilogue(op.activation, q_);
    require_finite(scale_, "a combined scale");
    require_finite(addend_, "a bias in units of the output");
    if (q_.residual) {
      const float residual[] = {q_.residual->scale * inverse_out};
      require_finite(residual, "a residual scale");
    }
  }

  std::size_t scratch_bytes(std::int64_t batch, int) const override {
    return dynamic_ ? align64(static_cast<std::size_t>(batch * in_.sample_stride + 64)) : 0;
  }
  std::string kernel() const override { return "depthwise/direct"; }
  bool reads_zero_pixel() const override { return !dynamic_; }

  void run(const StepArgs& args) const noexcept override {
    auto one = [&](int b) {
      SampleInput input{};
      if (dynamic_) {
        input = quantize_sample(args, b);
      } else {
        input = {args.inputs[0].sample<std::uint8_t>(b), q_.input->zero_point, 1.0f};
      }
      for (std::int64_t pixel = 0; pixel < out_.pixels(); ++pixel)
        for (std::int64_t c = 0; c < out_.channels; c += kBlock)
          run_block(args, b, input, pixel, c, std::min(kBlock, out_.channels - c));
    };
    args.executor->parallel_for(static_cast<int>(args.batch), one);
  }

 private:
  SampleInput quantize_sample(const StepArgs& args, int b) const noexcept {
    const float* x = args.inputs[0].sample<float>(b);
    auto* codes = reinterpret_cast<std::uint8_t*>(args.scratch) + b * in_.sample_stride;
    const QParams p = choose_dynamic(x, static_cast<std::size_t>(in_.pixels() * in_.channels));
    const QuantizeParams params = u8_quantize_params(p);
    quantize_pixels(x, in_.pixels(), in_.channels, in_.pixel_stride, params, codes);
    std::memset(codes + in_.zero_pixel(), p.zero_point, static_cast<std::size_t>(in_.pixel_stride));
    return {codes, p.zero_point, p.scale};
  }

  void run_block(const StepArgs& args, int b, const SampleInput& input, std::int64_t pixel, std::int64_t c,
                 std::int64_t count) const noexcept {
    std::int32_t acc[kBlock] = {};
    for (std::int64_t t = 0; t < taps_; ++t) {
      const std::uint8_t* a = input.codes + offsets_[static_cast<std::size_t>(t * out_.pixels() + pixel)];
      const std::int16_t* w = weights_.data() + t * out_.channels + c;
      if (multiplier_ == 1) {
        for (std::int64_t j = 0; j < count; ++j) acc[j] += std::int32_t{a[c + j]} * w[j];
      } else {
        for (std::int64_t j = 0; j < count; ++j) acc[j] += std::int32_t{a[(c + j) / multiplier_]} * w[j];
      }
    }
    finish(args, b, input, pixel, c, count, acc);
  }

  void finish(const StepArgs& args, int b, const SampleInput& input, std::int64_t pixel, std::int64_t c,
              std::int64_t count, const std::int32_t* acc) const noexcept {
    const Epilogue& e = epilogue_;
    for (std::int64_t j = 0; j < count; ++j) {
      const auto column = static_cast<std::size_t>(c + j);
      float f = static_cast<float>(acc[j] - input.zero_point * sums_[column]) * scale_[column];
      if (dynamic_) f *= input.row_scale;
      if (has_bias_) f += addend_[column];
      if (q_.residual) {
        const SampleLayout residual = args.inputs[1].type->layout();
        const float r = args.inputs[1].sample<std::uint8_t>(b)[pixel * residual.pixel_stride + c + j];
        f += (r - e.residual_zero) * e.residual_scale;
      } else if (residual_f32_) {
        f += args.inputs[1].sample<float>(b)[pixel * out_.channels + c + j];
      }
      f = f < e.lo ? e.lo : f;
      f = f > e.hi ? e.hi : f;
      const std::int64_t at = pixel * out_.pixel_stride + c + j;
      if (out_u8_) {
        args.output.sample<std::uint8_t>(b)[at] =
            static_cast<std::uint8_t>(static_cast<std::int32_t>(ops::round_to_even(f)) + e.zero_point);
      } else {
        args.output.sample<float>(b)[at] = f;
      }
    }
  }

  Epilogue epilogue_;  ///< what does not depend on the channel
  bool dynamic_;
  std::int64_t multiplier_, taps_;
  SampleLayout in_, out_;
  bool out_u8_, residual_f32_ = false, has_bias_ = false;
  RowOffsets offsets_;
  LayerQuantization q_;
  std::vector<std::int16_t> weights_;  ///< [taps][channels]
  std::vector<std::int32_t> sums_;
  std::vector<float> scale_, addend_;
};

}  // namespace

std::unique_ptr<Step> ops::make_depthwise_int8(const ops::Conv2d& op, const StepSpec& spec) {
  return std::make_unique<DepthwiseInt8>(op, spec);
}

}  // namespace lowbit
