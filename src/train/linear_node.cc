// SPDX-License-Identifier: Apache-2.0
// Linear on a tape: as in inference single rows meet the weights as they lie, and several rows of a sample
// are pixels of a convolution. ScaleShift, which multiplies each channel by a number of its own, too.
#include <algorithm>
#include <limits>

#include "fp32/fp32_kernel.h"
#include "lowbit/core/aligned_bytes.h"
#include "train/group_sums.h"
#include "train/loops/channel_loops.h"
#include "train/step_node.h"
#include "train/trained_weights.h"

namespace lowbit::train {
namespace {

/// Rows of a group of samples as pixels of one image.
fp32::ConvShape rows_shape(std::int64_t rows, std::int64_t in, std::int64_t in_stride, std::int64_t out,
                           std::int64_t out_stride) {
  fp32::ConvShape s;
  s.in_height = 1, s.in_width = s.out_width = rows;
  s.channels = in, s.in_stride = in_stride;
  s.n = out, s.out_stride = out_stride;
  return s;
}

float* floats(const AlignedBytes& memory) {
  return reinterpret_cast<float*>(memory.get());
}

class LinearNode final : public TapeNode {
 public:
  LinearNode(const ops::LinearOp& op, const NodeSpec& spec)
      : kernel_(fp32::fp32_kernel(spec.isa)),
        name_(spec.name),
        weights_(op.weight, spec),
        bias_(op.bias),
        activation_(op.activation),
        in_(op.weight.shape[1]),
        out_(op.weight.shape[0]),
        rows_(op.flattens_input ? 1 : spec.inputs[0]->layout().pixels()),
        in_stride_(rows_ == 1 ? spec.inputs[0]->layout().sample_stride : in_),
        out_stride_(rows_ == 1 ? spec.output->layout().sample_stride : out_),
        has_bias_(!op.bias.empty()),
        concurrency_(spec.concurrency),
        sums_(out_) {
    bias_.resize(static_cast<std::size_t>(out_), 0.0f);
    zeros_.resize(static_cast<std::size_t>(in_), 0.0f);
    bias_gradient_.resize(bias_.size());
    most_rows_ = rows_ == 1 ? ops::ceil_div(spec.batch, SampleGroups(spec.batch).count) : rows_;
    const fp32::ConvShape forward = forward_shape(most_rows_), back = back_shape(most_rows_);
    const auto memory = [](std::int64_t n) {
      return aligned_bytes(static_cast<std::size_t>(n) * sizeof(float));
    };
    packed_ = memory(kernel_.conv_packed_size(forward));
    packed_back_ = memory(kernel_.conv_packed_size(back));
    transposed_ = memory(in_ * out_);
    sum_floats_ = ops::round_up(in_ * kernel_.gradient_pitch(forward), 16);
    task_floats_ = ops::round_up(std::max({kernel_.conv_scratch(forward), kernel_.conv_scratch(back),
                                           kernel_.gradient_scratch(forward)}),
                                 16) +
                   ops::round_up(most_rows_ * in_stride_, 16);
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(task_floats_ * concurrency_ + sum_floats_ * SampleGroups::kMost) *
           sizeof(float);
  }

  void forward(const ForwardArgs& args) noexcept override {
    pack(args.pass);
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t task) {
                 for (std::int64_t s = first; s < last; s += step(last - first))
                   rows_ == 1 ? multiply(args, s, last - first) : convolve(args, s, task);
               });
  }

  void backward(const BackwardArgs& args) noexcept override {
    auto* scratch = reinterpret_cast<float*>(args.scratch);
    float* weight_sums = scratch + task_floats_ * concurrency_;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t task) {
                 double* sums = sums_.start(group);
                 float* group_sums = weight_sums + group * sum_floats_;
                 std::fill_n(group_sums, sum_floats_, 0.0f);
                 for (std::int64_t s = first; s < last; ++s) end_backward(args, s, sums);
                 for (std::int64_t s = first; s < last; s += step(last - first))
                   backward_rows(args, s, rows_ == 1 ? last - first : rows_, group_sums,
                                 scratch + task * task_floats_);
               });
    finish(args, weight_sums);
  }

  std::vector<Parameter> parameters() override {
    std::vector<Parameter> all;
    weights_.add_parameters(all);
    if (has_bias_) all.push_back({name_ + ".bias", Shape{out_}, ParameterKind::bias, bias_, bias_gradient_});
    return all;
  }
  std::vector<TrainingState> states() override {
    std::vector<TrainingState> all;
    weights_.add_states(all);
    return all;
  }
  void set_oscillation_control(const OscillationControl& control) override {
    weights_.set_oscillation_control(control);
  }
  void update(ops::Op& op) const override {
    auto& linear = std::get<ops::LinearOp>(op);
    linear.weight = weights_.tensor();
    if (has_bias_) linear.bias = bias_;
  }

  std::optional<QuantizedMatrix> codes() const override {
    return weights_.codes(std::vector<double>(static_cast<std::size_t>(out_), 1.0));
  }

 private:
  fp32::ConvShape forward_shape(std::int64_t rows) const {
    return rows_shape(rows, in_, in_stride_, out_, out_stride_);
  }
  fp32::ConvShape back_shape(std::int64_t rows) const {
    return rows_shape(rows, out_, out_stride_, in_, in_stride_);
  }
  /// Samples whose rows are multiplied together, of `samples`.
  std::int64_t step(std::int64_t samples) const { return rows_ == 1 ? samples : 1; }

  void pack(Pass pass) noexcept {
    used_ = weights_.use(pass);
    float* transposed = floats(transposed_);
    for (std::int64_t o = 0; o < out_; ++o)
      for (std::int64_t i = 0; i < in_; ++i)
        transposed[i * out_ + o] = used_[static_cast<std::size_t>(o * in_ + i)];
    kernel_.conv_pack(back_shape(most_rows_), transposed, floats(packed_back_));
    if (rows_ > 1) kernel_.conv_pack(forward_shape(rows_), used_.data(), floats(packed_));
  }

  void multiply(const ForwardArgs& args, std::int64_t first, std::int64_t rows) const {
    fp32::GemmArgs g;
    g.m = rows, g.n = out_, g.k = in_;
    g.a = args.inputs[0].sample<const float>(first), g.a_stride = in_stride_;
    g.w = used_.data(), g.w_stride = in_;
    g.c = args.output.sample<float>(first), g.c_stride = out_stride_;
    g.bias = bias_.data();
    g.lo = activation_.lo, g.hi = activation_.hi;
    kernel_.linear(g);
  }

  void convolve(const ForwardArgs& args, std::int64_t s, std::int64_t task) const {
    const fp32::ConvShape shape = forward_shape(rows_);
    fp32::ConvArgs c;
    c.shape = &shape;
    c.last = rows_;
    c.in = args.inputs[0].sample<const float>(s);
    c.weights = floats(packed_);
    c.bias = bias_.data();
    c.out = args.output.sample<float>(s);
    c.lo = activation_.lo, c.hi = activation_.hi;
    c.scratch = reinterpret_cast<float*>(args.scratch) + task * task_floats_;
    kernel_.conv(c);
  }

  void end_backward(const BackwardArgs& args, std::int64_t s, double* sums) const {
    float* g = args.gradient.sample<float>(s);
    const float* y = args.output.sample<const float>(s);
    if (!activation_.is_identity())
      for (std::int64_t i = 0; i < rows_ * out_; ++i) g[i] = is_inside(activation_, y[i]) ? g[i] : 0.0f;
    add_channel_sums(g, rows_, out_, sums);
  }

  void backward_rows(const BackwardArgs& args, std::int64_t s, std::int64_t rows, float* sums,
                     float* scratch) const {
    const fp32::ConvShape forward = forward_shape(rows), back = back_shape(rows);
    fp32::GradientArgs a;
    a.shape = &forward;
    a.last = rows;
    a.in = args.inputs[0].sample<const float>(s);
    a.gradient = args.gradient.sample<const float>(s);
    a.sums = sums;
    a.scratch = scratch;
    kernel_.weight_gradient(a);
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return;
    float *room = scratch + task_floats_ - ops::round_up(most_rows_ * in_stride_, 16),
          *out = to.to.sample<float>(s);
    fp32::ConvArgs c;
    c.shape = &back;
    c.last = rows;
    c.in = a.gradient;
    c.weights = floats(packed_back_);
    c.bias = zeros_.data();
    c.out = to.adds ? room : out;
    c.lo = -std::numeric_limits<float>::infinity(), c.hi = std::numeric_limits<float>::infinity();
    c.scratch = scratch;
    kernel_.conv(c);
    if (to.adds)
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = r * in_stride_; i < r * in_stride_ + in_; ++i) out[i] += room[i];
  }

  void finish(const BackwardArgs& args, const float* weight_sums) noexcept {
    const std::int64_t groups = SampleGroups(args.batch).count;
    const std::int64_t pitch = kernel_.gradient_pitch(forward_shape(most_rows_));
    const int tasks = concurrency_;
    // Sums of inputs lie next to each other by outputs, weights the other way round: a few outputs at a time,
    // so that lines of memory are used while they are near.
    constexpr std::int64_t kOutputs = 16;
    args.executor->parallel_for(tasks, [&](int t) {
      const std::int64_t last = out_ * (t + 1) / tasks;
      for (std::int64_t first = out_ * t / tasks; first < last; first += kOutputs) {
        const std::int64_t count = std::min(kOutputs, last - first);
        for (std::int64_t i = 0; i < in_; ++i) {
          float sums[kOutputs] = {};
          for (std::int64_t g = 0; g < groups; ++g) {
            const float* from = weight_sums + g * sum_floats_ + i * pitch + first;
            for (std::int64_t o = 0; o < count; ++o) sums[o] += from[o];
          }
          for (std::int64_t o = 0; o < count; ++o) weights_.gradient()[(first + o) * in_ + i] = sums[o];
        }
      }
    });
    weights_.end_backward();
    for (std::int64_t o = 0; o < out_; ++o)
      bias_gradient_[static_cast<std::size_t>(o)] = static_cast<float>(sums_.total(groups, o));
  }

  const fp32::Fp32Kernel& kernel_;
  const std::string name_;
  TrainedWeights weights_;
  std::span<const float> used_;  ///< weights of the last forward pass
  std::vector<float> bias_, zeros_, bias_gradient_;
  const ops::Activation activation_;
  const std::int64_t in_, out_, rows_, in_stride_, out_stride_;
  const bool has_bias_;
  const int concurrency_;
  GroupSums sums_;
  std::int64_t most_rows_ = 1, task_floats_ = 0, sum_floats_ = 0;
  AlignedBytes packed_, packed_back_, transposed_;
};

class ScaleShiftNode final : public TapeNode {
 public:
  ScaleShiftNode(const ops::ScaleShiftOp& op, const NodeSpec& spec)
      : name_(spec.name),
        scale_(op.scale),
        shift_(op.shift),
        activation_(op.activation),
        layout_(spec.output->layout()),
        loops_(select_channel_loops(spec.isa)),
        sums_(2 * layout_.channels) {
    scale_gradient_.resize(scale_.size()), shift_gradient_.resize(shift_.size());
  }

  void forward(const ForwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s) {
                   const float* x = args.inputs[0].sample<const float>(s);
                   float* y = args.output.sample<float>(s);
                   for (std::int64_t p = 0; p < layout_.pixels(); ++p)
                     for (std::int64_t c = 0; c < layout_.channels; ++c, ++x, ++y)
                       *y = ops::apply(activation_, *x * of(scale_, c) + of(shift_, c));
                 }
               });
  }

  void backward(const BackwardArgs& args) noexcept override {
    const std::int64_t channels = layout_.channels, groups = SampleGroups(args.batch).count;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t) {
                 double* sums = sums_.start(group);
                 for (std::int64_t s = first; s < last; ++s) {
                   const float *x = args.inputs[0].sample<const float>(s),
                               *y = args.output.sample<const float>(s);
                   float* g = args.gradient.sample<float>(s);
                   for (std::int64_t i = 0; i < layout_.pixels() * channels; ++i)
                     g[i] = is_inside(activation_, y[i]) ? g[i] : 0.0f;
                   loops_.add_sums({layout_.pixels(), channels}, g, x, sums);
                   if (args.input_gradients[0].is_wanted())
                     write_gradient(args.input_gradients[0], s, layout_.pixels() * channels,
                                    [&](std::int64_t i) { return g[i] * of(scale_, i % channels); });
                 }
               });
    finish(scale_gradient_, groups, channels);
    finish(shift_gradient_, groups, 0);
  }

  std::vector<Parameter> parameters() override {
    const auto shape = [](const std::vector<float>& v) { return Shape{static_cast<std::int64_t>(v.size())}; };
    return {{name_ + ".scale", shape(scale_), ParameterKind::factor, scale_, scale_gradient_},
            {name_ + ".shift", shape(shift_), ParameterKind::bias, shift_, shift_gradient_}};
  }
  void update(ops::Op& op) const override {
    auto& to = std::get<ops::ScaleShiftOp>(op);
    to.scale = scale_, to.shift = shift_;
  }

 private:
  static float of(const std::vector<float>& v, std::int64_t c) {
    return v[v.size() == 1 ? 0 : static_cast<std::size_t>(c)];
  }
  /// One number for all channels gets the gradients of all.
  void finish(std::vector<float>& gradient, std::int64_t groups, std::int64_t first) const {
    double all = 0;
    for (std::int64_t c = 0; c < layout_.channels; ++c) {
      const double sum = sums_.total(groups, first + c);
      all += sum;
      gradient[gradient.size() == 1 ? 0 : static_cast<std::size_t>(c)] =
          static_cast<float>(gradient.size() == 1 ? all : sum);
    }
  }

  const std::string name_;
  std::vector<float> scale_, shift_, scale_gradient_, shift_gradient_;
  const ops::Activation activation_;
  const SampleLayout layout_;
  const ChannelLoops& loops_;
  GroupSums sums_;  ///< [gradients, gradients times inputs][channel]
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::LinearOp& op, const NodeSpec& spec) {
  return std::make_unique<LinearNode>(op, spec);
}

std::unique_ptr<TapeNode> make_node(const ops::ScaleShiftOp& op, const NodeSpec& spec) {
  return std::make_unique<ScaleShiftNode>(op, spec);
}

}  // namespace lowbit::train
