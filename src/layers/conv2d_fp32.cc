// SPDX-License-Identifier: Apache-2.0
// Conv2d in FP32: cuts the output of each sample into blocks of pixels and hands each to the FP32 kernel of
// this machine, group by group.
#include <algorithm>
#include <cmath>
#include <vector>

#include "fp32/fp32_kernel.h"
#include "layers/conv2d_steps.h"
#include "layers/step_common.h"
#include "lowbit/core/aligned_bytes.h"

namespace lowbit::ops {
namespace {

class Conv2dFp32 final : public SharingStep<Conv2dFp32> {
 public:
  Conv2dFp32(const Conv2dOp& op, const StepSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)),
        groups_(op.groups),
        pixels_(spec.output->layout().pixels()),
        activation_(op.activation) {
    const SampleLayout in = spec.inputs[0]->layout(), out = spec.output->layout();
    const Window& w = op.window;
    depthwise_ = op.groups > 1 && op.groups == in.channels && op.groups == out.channels;
    shape_ = {in.height,   in.width,    in.pixel_stride, in.channels / groups_, w.kernel[0],
              w.kernel[1], w.stride[0], w.stride[1],     w.dilation[0],         w.dilation[1],
              w.pad[0],    w.pad[1],    out.width,       out.pixel_stride,      out.channels / groups_};
    shape_.pad_bottom = w.pad[2];
    const auto* same = same_node<Conv2dFp32>(spec);
    shape_.is_plain = same ? same->shape_.is_plain
                           : !std::ranges::all_of(op.weight.data, [](float v) { return std::isfinite(v); });
    if (depthwise_) {
      shape_.channels = shape_.n = groups_;
      groups_ = 1;
    }
    group_size_ =
        depthwise_ ? shape_.kernel_height * shape_.kernel_width * shape_.n : kernel_.conv_packed_size(shape_);
    // Narrow samples have weights in another form.
    packed_ = same && same->group_size_ == group_size_ ? same->packed_ : pack(op);
  }

  std::size_t scratch_bytes(std::int64_t, int concurrency) const override {
    return static_cast<std::size_t>(scratch_floats() * concurrency) * sizeof(float);
  }

  void run(const StepArgs& args) const noexcept override {
    const std::int64_t total = args.batch * pixels_;
    const std::int64_t work = total * groups_ * shape_.n * (depthwise_ ? shape_.k() / shape_.n : shape_.k());
    const std::int64_t unit = depthwise_ ? 1 : kernel_.conv_unit(shape_), units = ceil_div(pixels_, unit);
    std::int64_t tasks = args.executor && work >= kParallelWork ? args.executor->concurrency() : 1;
    if (tasks > args.batch * units) tasks = args.batch * units;
    auto task = [&](int i) {
      const std::int64_t begin = args.batch * units * i / tasks, end = args.batch * units * (i + 1) / tasks;
      for (std::int64_t at = begin; at < end;) {
        const std::int64_t sample = at / units, first = at % units;
        const std::int64_t last = units - first < end - at ? units : first + end - at;
        run_block(args, sample, first * unit, last == units ? pixels_ : last * unit, i);
        at += last - first;
      }
    };
    if (tasks <= 1)
      task(0);
    else
      args.executor->parallel_for(static_cast<int>(tasks), task);
  }
  std::string kernel() const override { return kernel_.name; }

 private:
  static constexpr std::int64_t kParallelWork = 200000;  // multiplications that are worth a second thread

  std::int64_t scratch_floats() const { return depthwise_ ? 0 : round_up(kernel_.conv_scratch(shape_), 16); }

  struct Packed {
    std::vector<float> bias;
    AlignedBytes memory;  // a vector of weights that crosses cache lines takes two loads
    float* weights() const { return reinterpret_cast<float*>(memory.get()); }
  };

  std::shared_ptr<const Packed> pack(const Conv2dOp& op) const {
    auto packed = std::make_shared<Packed>();
    packed->bias = op.bias;
    packed->bias.resize(static_cast<std::size_t>(op.out_channels()), 0.0f);
    packed->memory = unfilled_bytes(static_cast<std::size_t>(group_size_ * groups_) * sizeof(float));
    if (depthwise_)
      pack_depthwise(op, packed->weights());
    else
      pack_groups(op, packed->weights());
    return packed;
  }

  /// [out][in][height][width] to [height][width][channel].
  void pack_depthwise(const Conv2dOp& op, float* packed) const {
    const std::int64_t taps = shape_.kernel_height * shape_.kernel_width, channels = shape_.n;
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t t = 0; t < taps; ++t)
        packed[t * channels + c] = op.weight.data[static_cast<std::size_t>(c * taps + t)];
  }

  /// [out][in][height][width] to [out][height][width][in], then as the kernel wants it.
  void pack_groups(const Conv2dOp& op, float* packed) const {
    const std::int64_t taps = shape_.kernel_height * shape_.kernel_width, channels = shape_.channels;
    std::vector<float> ordered(op.weight.data.size());
    for (std::int64_t o = 0; o < op.out_channels(); ++o)
      for (std::int64_t c = 0; c < channels; ++c)
        for (std::int64_t t = 0; t < taps; ++t)
          ordered[static_cast<std::size_t>((o * taps + t) * channels + c)] =
              op.weight.data[static_cast<std::size_t>((o * channels + c) * taps + t)];
    for (std::int64_t g = 0; g < groups_; ++g)
      kernel_.conv_pack(shape_, ordered.data() + g * shape_.n * shape_.k(), packed + g * group_size_);
  }

  void run_block(const StepArgs& args, std::int64_t sample, std::int64_t first, std::int64_t last,
                 int task) const {
    fp32::ConvArgs c;
    c.shape = &shape_;
    c.first = first;
    c.last = last;
    c.lo = activation_.lo;
    c.hi = activation_.hi;
    c.scratch = reinterpret_cast<float*>(args.scratch) + task * scratch_floats();
    for (std::int64_t g = 0; g < groups_; ++g) {
      const std::int64_t channel = g * shape_.n;
      c.in = args.inputs[0].sample<const float>(sample) + g * shape_.channels;
      c.weights = packed_->weights() + g * group_size_;
      c.bias = packed_->bias.data() + channel;
      c.residual = args.inputs.size() > 1 ? args.inputs[1].sample<const float>(sample) + channel : nullptr;
      c.out = args.output.sample<float>(sample) + channel;
      if (depthwise_)
        kernel_.depthwise(c);
      else
        kernel_.conv(c);
    }
  }

  const fp32::Fp32Kernel& kernel_;
  fp32::ConvShape shape_;
  std::int64_t groups_, pixels_, group_size_ = 0;
  Activation activation_;
  std::shared_ptr<const Packed> packed_;
  bool depthwise_ = false;
};

}  // namespace

std::unique_ptr<Step> make_conv2d_fp32(const Conv2dOp& op, const StepSpec& spec) {
  if (require_same_dtype(spec, Conv2dOp::kName) != DType::f32)
    throw Error(ErrorCode::unsupported, "Conv2d without quantized weights computes on f32 values only");
  return std::make_unique<Conv2dFp32>(op, spec);
}

}  // namespace lowbit::ops
