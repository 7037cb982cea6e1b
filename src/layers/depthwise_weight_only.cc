// SPDX-License-Identifier: Apache-2.0
// Depthwise Conv2d on floats with quantized weights. A channel has a kernel of a few weights, and each is
// used for every pixel: they are decoded into scratch memory at the start of a run, for the FP32 loops.

#include "fp32/fp32_kernel.h"
#include "layers/conv2d_steps.h"
#include "layers/scratch.h"
#include "layers/step_common.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::ops {
namespace {

class DepthwiseWeightOnly final : public Step {
 public:
  DepthwiseWeightOnly(const Conv2dOp& op, const StepSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)),
        weights_(*spec.weights),
        bias_(op.bias),
        activation_(op.activation),
        pixels_(spec.output->layout().pixels()) {
    const SampleLayout in = spec.inputs[0]->layout(), out = spec.output->layout();
    const Window& w = op.window;
    shape_ = {in.height,   in.width,    in.pixel_stride, in.channels,      w.kernel[0],
              w.kernel[1], w.stride[0], w.stride[1],     w.dilation[0],    w.dilation[1],
              w.pad[0],    w.pad[1],    out.width,       out.pixel_stride, out.channels};
    bias_.resize(static_cast<std::size_t>(out.channels), 0.0f);
  }

  std::size_t scratch_bytes(std::int64_t, int) const override {
    return static_cast<std::size_t>(weights_.rows * weights_.cols) * sizeof(float);
  }
  std::string kernel() const override { return kernel_.name; }

  void run(const StepArgs& args) const noexcept override {
    // [channel][tap] to [tap][channel].
    auto* decoded = reinterpret_cast<float*>(args.scratch);
    dequantize(weights_, MutableMatrixView(decoded, weights_.rows, weights_.cols, 1, weights_.rows));
    const auto block = [&](std::int64_t sample, std::int64_t first, std::int64_t last) {
      fp32::ConvArgs c;
      c.shape = &shape_;
      c.first = first;
      c.last = last;
      c.in = args.inputs[0].sample<const float>(sample);
      c.weights = decoded;
      c.bias = bias_.data();
      c.residual = args.inputs.size() > 1 ? args.inputs[1].sample<const float>(sample) : nullptr;
      c.out = args.output.sample<float>(sample);
      c.lo = activation_.lo;
      c.hi = activation_.hi;
      kernel_.depthwise(c);
    };
    for_pixel_blocks(args, pixels_, weights_.rows * weights_.cols, block);
  }

 private:
  const fp32::Fp32Kernel& kernel_;
  const QuantizedMatrix& weights_;  ///< of the model
  fp32::ConvShape shape_;
  std::vector<float> bias_;
  Activation activation_;
  std::int64_t pixels_;
};

}  // namespace

std::unique_ptr<Step> make_depthwise_weight_only(const Conv2dOp& op, const StepSpec& spec) {
  return std::make_unique<DepthwiseWeightOnly>(op, spec);
}

}  // namespace lowbit::ops
