// SPDX-License-Identifier: Apache-2.0
// Conv2d on a tape: the product, batch normalization where it was asked for, the residual, the activation.
#include <algorithm>
#include <optional>

#include "lowbit/core/aligned_bytes.h"
#include "train/batch_norm_state.h"
#include "train/conv_product.h"
#include "train/loops/channel_loops.h"
#include "train/step_node.h"
#include "train/trained_weights.h"

namespace lowbit::train {
namespace {

class Conv2dNode final : public TapeNode {
 public:
  Conv2dNode(const ops::Conv2dOp& op, const NodeSpec& spec)
      : name_(spec.name),
        weights_(op.weight, spec),
        bias_(op.bias),
        activation_(op.activation),
        in_(spec.inputs[0]->layout()),
        out_(spec.output->layout()),
        product_(op, in_, out_, spec.isa),
        loops_(select_channel_loops(spec.isa)),
        sums_(2 * out_.channels),
        has_bias_(!op.bias.empty() || spec.batch_norm) {
    const auto channels = static_cast<std::size_t>(out_.channels);
    given_bias_ = bias_;
    if (spec.batch_norm) {
      norm_.emplace(out_.channels, bias_, spec.epsilon, spec.is_frozen);
      raw_bytes_ = static_cast<std::size_t>(spec.batch) * spec.output->sample_bytes() + 64;
      raw_ = aligned_bytes(raw_bytes_);
      bias_.clear();
    }
    bias_.resize(channels, 0.0f);
    bias_gradient_.resize(channels, 0.0f);
    task_floats_ = product_.scratch();
    sum_floats_ = ops::round_up(product_.weight_sums(), 16);
    concurrency_ = spec.concurrency;
    raw_type_ = spec.output;
  }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(task_floats_ * concurrency_ + sum_floats_ * SampleGroups::kMost) *
           sizeof(float);
  }
  std::size_t bytes() const override { return raw_bytes_; }

  void forward(const ForwardArgs& args) noexcept override {
    if (norm_ && weights_.become_codes()) norm_->keep_factors_positive();
    product_.pack(weights_.use(args.pass));
    const ops::TensorArg to = norm_ ? ops::TensorArg(raw_.get(), raw_type_) : args.output;
    const bool of_batch =
        norm_ && (args.pass == Pass::adoption || (args.pass == Pass::training && !norm_->is_frozen()));
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t task) {
                 double* sums = of_batch ? sums_.start(group) : nullptr;
                 for (std::int64_t s = first; s < last; ++s) {
                   forward_product(args, s, to.sample<float>(s), task);
                   if (of_batch) add_statistics(to.sample<const float>(s), sums);
                 }
               });
    if (!norm_) return;
    choose_statistics(args, of_batch);
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s) normalize(args, s);
               });
  }

  void backward(const BackwardArgs& args) noexcept override {
    if (norm_) {
      for_groups(*args.executor, args.batch,
                 [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t) {
                   double* sums = sums_.start(group);
                   for (std::int64_t s = first; s < last; ++s) {
                     end_backward(args, s);
                     const float* g = args.gradient.sample<const float>(s);
                     loops_.add_sums(shape(), g, raw(s), sums);
                   }
                 });
      norm_->backward(sums_, SampleGroups(args.batch).count, count(args.batch));
    }
    auto* scratch = reinterpret_cast<float*>(args.scratch);
    float* weight_sums = scratch + task_floats_ * concurrency_;
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t task) {
                 double* sums = norm_ ? nullptr : sums_.start(group);
                 float* group_sums = weight_sums + group * sum_floats_;
                 std::fill_n(group_sums, product_.weight_sums(), 0.0f);
                 for (std::int64_t s = first; s < last; ++s) {
                   float* g = args.gradient.sample<float>(s);
                   if (norm_) {
                     norm_backward(g, raw(s));
                   } else {
                     end_backward(args, s);
                     add_channel_sums(g, out_.pixels(), out_.channels, sums);
                   }
                   float* room = scratch + task * task_floats_;
                   product_.weight_gradient(args.inputs[0].sample<const float>(s), g, group_sums, room);
                   const InputGradient& to = args.input_gradients[0];
                   if (to.is_wanted()) product_.input_gradient(g, to.to.sample<float>(s), to.adds, room);
                 }
               });
    finish_weights(args, weight_sums);
    if (norm_) return;
    for (std::int64_t c = 0; c < out_.channels; ++c)
      bias_gradient_[static_cast<std::size_t>(c)] =
          static_cast<float>(sums_.total(SampleGroups(args.batch).count, c));
  }

  std::vector<Parameter> parameters() override {
    std::vector<Parameter> all;
    weights_.add_parameters(all);
    const Shape channels{out_.channels};
    if (norm_) {
      all.push_back({name_ + ".gamma", channels, ParameterKind::factor, norm_->gamma, norm_->gamma_gradient});
      all.push_back({name_ + ".beta", channels, ParameterKind::bias, norm_->beta, norm_->beta_gradient});
    } else if (has_bias_) {
      all.push_back({name_ + ".bias", channels, ParameterKind::bias, bias_, bias_gradient_});
    }
    return all;
  }
  std::vector<TrainingState> states() override {
    std::vector<TrainingState> all;
    if (norm_) all = {{name_ + ".mean", norm_->stream_mean}, {name_ + ".variance", norm_->stream_variance}};
    weights_.add_states(all);
    return all;
  }
  void set_oscillation_control(const OscillationControl& control) override {
    weights_.set_oscillation_control(control);
  }
  void set_momentum(double part) override {
    if (norm_) norm_->momentum = part;
  }

  void update(ops::Op& op) const override {
    auto& conv = std::get<ops::Conv2dOp>(op);
    conv.weight = weights_.tensor();
    if (has_bias_) conv.bias = bias_;
    if (!norm_) return;
    const std::int64_t row = weights_.tensor().shape.elements() / out_.channels;
    for (std::int64_t c = 0; c < out_.channels; ++c) {
      const double factor = norm_->folded_factor(c);
      for (std::int64_t i = c * row; i < (c + 1) * row; ++i) {
        float& w = conv.weight.data[static_cast<std::size_t>(i)];
        w = static_cast<float>(static_cast<double>(w) * factor);
      }
      conv.bias[static_cast<std::size_t>(c)] = static_cast<float>(norm_->folded_bias(c));
    }
  }

  std::optional<QuantizedMatrix> codes() const override {
    std::vector<double> factors;
    for (std::int64_t c = 0; c < out_.channels; ++c) factors.push_back(norm_ ? norm_->folded_factor(c) : 1);
    return weights_.codes(factors);
  }

 private:
  const float* raw(std::int64_t s) const {
    return ops::TensorArg(raw_.get(), raw_type_).sample<const float>(s);
  }
  ChannelShape shape() const { return {out_.pixels(), out_.channels}; }
  /// Numbers of a channel.
  double count(std::int64_t batch) const { return static_cast<double>(batch * out_.pixels()); }

  void forward_product(const ForwardArgs& args, std::int64_t s, float* to, std::int64_t task) const {
    ConvProduct::Output end{.bias = bias_.data()};
    if (!norm_) {
      end.activation = activation_;
      if (args.inputs.size() > 1) end.residual = args.inputs[1].sample<const float>(s);
    }
    product_.forward(args.inputs[0].sample<const float>(s), end, to,
                     reinterpret_cast<float*>(args.scratch) + task * task_floats_);
  }

  void add_statistics(const float* x, double* sums) const { loops_.add_sums(shape(), x, x, sums); }

  void choose_statistics(const ForwardArgs& args, bool of_batch) {
    if (!of_batch) return norm_->use_stream();
    norm_->use_batch(sums_, SampleGroups(args.batch).count, count(args.batch));
    if (args.pass == Pass::adoption)
      norm_->adopt(given_bias_);
    else
      norm_->remember();
  }

  void normalize(const ForwardArgs& args, std::int64_t s) const {
    loops_.normalize({.shape = shape(),
                      .x = raw(s),
                      .residual = args.inputs.size() > 1 ? args.inputs[1].sample<const float>(s) : nullptr,
                      .factor = norm_->factor().data(),
                      .term = norm_->term().data(),
                      .lo = activation_.lo,
                      .hi = activation_.hi,
                      .y = args.output.sample<float>(s)});
  }

  /// Through the activation, in place, and to the residual.
  void end_backward(const BackwardArgs& args, std::int64_t s) const {
    float* g = args.gradient.sample<float>(s);
    const std::int64_t n = out_.pixels() * out_.channels;
    if (!activation_.is_identity())
      loops_.pass({.count = n,
                   .y = args.output.sample<const float>(s),
                   .gradient = g,
                   .lo = activation_.lo,
                   .hi = activation_.hi,
                   .to = g});
    if (args.input_gradients.size() > 1 && args.input_gradients[1].is_wanted())
      write_gradient(args.input_gradients[1], s, n, [g](std::int64_t i) { return g[i]; });
  }

  void norm_backward(float* g, const float* x) const {
    loops_.normalize_back(shape(), x, norm_->factor().data(), norm_->slope().data(), norm_->constant().data(),
                          g);
  }

  /// The groups' sums, added in their order into those of the first.
  void finish_weights(const BackwardArgs& args, float* weight_sums) noexcept {
    const std::int64_t groups = SampleGroups(args.batch).count, size = product_.weight_sums();
    const std::int64_t row = weights_.tensor().shape.elements() / out_.channels;
    const int tasks = concurrency_;
    auto add = [&](int t) {
      for (std::int64_t g = 1; g < groups; ++g)
        for (std::int64_t i = size * t / tasks; i < size * (t + 1) / tasks; ++i)
          weight_sums[i] += weight_sums[g * sum_floats_ + i];
    };
    auto order = [&](int t) {
      for (std::int64_t o = out_.channels * t / tasks; o < out_.channels * (t + 1) / tasks; ++o)
        product_.order_sums(weight_sums, o, weights_.gradient() + o * row);
    };
    args.executor->parallel_for(tasks, add);
    args.executor->parallel_for(tasks, order);
    weights_.end_backward();
  }

  const std::string name_;
  TrainedWeights weights_;
  std::vector<float> bias_;        ///< zeros where a normalization adds
  std::vector<float> given_bias_;  ///< of the operator
  std::vector<float> bias_gradient_;
  const ops::Activation activation_;
  const SampleLayout in_, out_;
  ConvProduct product_;
  const ChannelLoops& loops_;
  std::optional<BatchNormState> norm_;
  GroupSums sums_;    ///< [sum, sum of squares or products][channel]
  AlignedBytes raw_;  ///< the product of each sample, where it is normalized
  std::size_t raw_bytes_ = 0;
  const ValueType* raw_type_ = nullptr;
  std::int64_t task_floats_ = 0, sum_floats_ = 0;
  int concurrency_ = 1;
  bool has_bias_;
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::Conv2dOp& op, const NodeSpec& spec) {
  return std::make_unique<Conv2dNode>(op, spec);
}

}  // namespace lowbit::train
