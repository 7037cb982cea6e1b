// SPDX-License-Identifier: Apache-2.0
// The signs of what a product reads: y = scale sign(x), zero counting as positive. The scale is one number
// that is learned (its gradient is the sum of gradients times signs, scaled as that of a step), or the mean
// |x| of each sample or row, through which gradients go too (XNOR-Net). A convolution pads with +1: the
// border is part of the output, and its product has no padding of its own.
#include <algorithm>
#include <cmath>

#include "core/elementary.h"
#include "layers/sign_bits.h"
#include "train/group_sums.h"
#include "train/quantized_graph.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

float sign_of(float x) {
  return x < 0.0f ? -1.0f : 1.0f;
}

class SignActivationNode final : public SignActivation {
 public:
  SignActivationNode(const SignInput& how, const NodeSpec& spec)
      : name_(spec.name),
        how_(how),
        in_(spec.inputs[0]->layout()),
        out_(spec.output->layout()),
        rows_(how.of_rows ? in_.pixels() : 1),
        is_polynomial_(spec.how.signs == SignGradient::polynomial),
        learns_(!how.is_dynamic && spec.how.activations != ActivationSteps::fixed),
        gradient_scale_(1 / std::sqrt(static_cast<double>(out_.pixels() * out_.channels))),
        scales_(how.is_dynamic ? static_cast<std::size_t>(spec.batch * rows_) : 0),
        sums_(1) {
    log_scale_.push_back(static_cast<float>(elementary::log(static_cast<double>(how.scale))));
    gradient_.resize(1);
  }

  void forward(const ForwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t) {
                 for (std::int64_t s = first; s < last; ++s) forward_sample(args, s);
               });
  }

  void backward(const BackwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t) {
                 double* sum = sums_.start(group);
                 for (std::int64_t s = first; s < last; ++s)
                   if (how_.is_dynamic)
                     for (std::int64_t r = 0; r < rows_; ++r) backward_part(args, s, r, scale_at(s, r), true);
                   else
                     *sum += backward_part(args, s, 0, scale(), false);
               });
    gradient_[0] = static_cast<float>(gradient_scale_ * static_cast<double>(scale()) *
                                      sums_.total(SampleGroups(args.batch).count, 0));
  }

  std::vector<Parameter> parameters() override {
    if (!learns_) return {};
    return {{name_ + ".log_step", Shape{1}, ParameterKind::log_step, log_scale_, gradient_}};
  }

  float scale() const override {
    return static_cast<float>(elementary::exp(static_cast<double>(log_scale_[0])));
  }

 private:
  std::int64_t row_length() const { return in_.pixels() * in_.channels / rows_; }
  float& scale_at(std::int64_t s, std::int64_t row) {
    return scales_[static_cast<std::size_t>(s * rows_ + row)];
  }
  /// Where line y of the input begins in the output.
  std::int64_t place(std::int64_t y) const {
    return ((y + how_.pad[0]) * out_.width + how_.pad[1]) * out_.channels;
  }

  void forward_sample(const ForwardArgs& args, std::int64_t s) {
    const auto* x = args.inputs[0].sample<const float>(s);
    auto* y = args.output.sample<float>(s);
    const std::int64_t length = row_length();
    for (std::int64_t r = 0; how_.is_dynamic && r < rows_; ++r)
      scale_at(s, r) = mean_magnitude(x + r * length, static_cast<std::size_t>(length));
    const float one = how_.is_dynamic ? scale_at(s, 0) : scale();
    if (is_padded()) std::fill_n(y, out_.pixels() * out_.channels, one);
    if (rows_ > 1) {
      for (std::int64_t i = 0; i < rows_ * length; ++i) y[i] = scale_at(s, i / length) * sign_of(x[i]);
      return;
    }
    const std::int64_t line = in_.width * in_.channels;
    for (std::int64_t h = 0; h < in_.height; ++h)
      for (std::int64_t i = 0; i < line; ++i) y[place(h) + i] = one * sign_of(x[h * line + i]);
  }

  bool is_padded() const { return in_.pixels() != out_.pixels(); }

  /// The derivative of the sign at u = x / scale.
  float slope(float u) const {
    const float magnitude = std::fabs(u);
    if (!is_polynomial_) return magnitude <= 1 ? 1.0f : 0.0f;
    return magnitude < 1 ? 2 - 2 * magnitude : 0.0f;
  }

  /// Returns the sum of gradients times signs, those of the border included. With `through_mean`, the scale
  /// is the mean |x| of the row.
  double backward_part(const BackwardArgs& args, std::int64_t s, std::int64_t row, float scale,
                       bool through_mean) {
    const std::int64_t length = row_length();
    const auto* x = args.inputs[0].sample<const float>(s) + row * length;
    const auto* g = args.gradient.sample<const float>(s) + row * length;
    const std::int64_t lines = rows_ > 1 ? 1 : in_.height, line = length / lines;
    double sum = 0;
    if (is_padded())
      for (std::int64_t i = 0; i < out_.pixels() * out_.channels; ++i) sum += static_cast<double>(g[i]);
    for (std::int64_t h = 0; h < lines; ++h) {
      const float* own = g + place(h);
      for (std::int64_t i = 0; i < line; ++i) {
        const auto one = static_cast<double>(own[i]);
        sum += (x[h * line + i] < 0.0f ? -one : one) - (is_padded() ? one : 0);
      }
    }
    const InputGradient& to = args.input_gradients[0];
    if (!to.is_wanted()) return sum;
    const float inverse = scale > 0 ? 1 / scale : 0.0f,
                share = through_mean ? static_cast<float>(sum / static_cast<double>(length)) : 0.0f;
    float* out = to.to.sample<float>(s) + row * length;
    for (std::int64_t h = 0; h < lines; ++h)
      for (std::int64_t i = 0; i < line; ++i) {
        const float at = x[h * line + i];
        const float value = g[place(h) + i] * slope(at * inverse) + share * sign_of(at);
        out[h * line + i] = to.adds ? out[h * line + i] + value : value;
      }
    return sum;
  }

  const std::string name_;
  const SignInput how_;
  const SampleLayout in_, out_;
  const std::int64_t rows_;  ///< of a sample, with a scale each
  const bool is_polynomial_, learns_;
  const double gradient_scale_;
  std::vector<float> scales_;  ///< dynamic: of each row of the batch
  GroupSums sums_;
  std::vector<float> log_scale_, gradient_;
};

}  // namespace

std::unique_ptr<SignActivation> make_sign_activation(const SignInput& how, const NodeSpec& spec) {
  return std::make_unique<SignActivationNode>(how, spec);
}

}  // namespace lowbit::train
