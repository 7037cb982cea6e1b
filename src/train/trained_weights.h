// SPDX-License-Identifier: Apache-2.0
// The weights of a product on a tape, with what they are in the forward pass: themselves, or codes.
#pragma once

#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "train/oscillations.h"
#include "train/tape_node.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {

class TrainedWeights {
 public:
  TrainedWeights(const Tensor& weights, const NodeSpec& spec)
      : name_(spec.name), weights_(weights), gradient_(weights.data.size()) {
    if (spec.quantizer)
      quantizer_ = spec.quantizer;
    else if (spec.scheme)
      quantizer_ = make_weight_quantizer({*spec.scheme, weights, spec.how}, spec.name);
    else
      return;
    quantizer_->start(weights_.data);
    used_.resize(weights.data.size());
    if (spec.tracks_oscillations && quantizer_->has_steps()) oscillations_.emplace(weights.data.size());
  }

  /// For this forward pass.
  std::span<const float> use(Pass pass) noexcept {
    if (!quantizer_) return weights_.data;
    if (oscillations_) {
      oscillations_->hold(*quantizer_, weights_.data);
      if (pass == Pass::training) oscillations_->observe(*quantizer_, weights_.data, control_.freeze_above);
    }
    quantizer_->forward(weights_.data, used_);
    return used_;
  }
  /// Where the gradient of what was used goes; end_backward() follows.
  float* gradient() { return gradient_.data(); }
  void end_backward() noexcept {
    if (!quantizer_) return;
    quantizer_->backward(weights_.data, gradient_);
    if (control_.dampening > 0 && quantizer_->has_steps()) dampen();
  }
  void set_oscillation_control(const OscillationControl& control) { control_ = control; }
  void add_states(std::vector<TrainingState>& all) {
    if (!oscillations_) return;
    for (TrainingState& s : oscillations_->states(name_)) all.push_back(std::move(s));
  }

  const Tensor& tensor() const { return weights_; }
  bool become_codes() const { return quantizer_ != nullptr; }
  void add_parameters(std::vector<Parameter>& all) {
    all.push_back({name_ + ".weight", weights_.shape, ParameterKind::weight, weights_.data, gradient_});
    if (!quantizer_) return;
    for (Parameter& p : quantizer_->parameters(name_)) all.push_back(std::move(p));
  }
  std::optional<QuantizedMatrix> codes(std::span<const double> factors) const {
    if (!quantizer_) return std::nullopt;
    std::vector<float> weights = weights_.data;
    if (oscillations_) oscillations_->hold(*quantizer_, weights);
    return quantizer_->codes(weights, factors, column_order(weights_.shape));
  }

 private:
  /// The gradient of dampening |w - w'|^2, w' being a number. Beyond the last code w' does not follow:
  /// nothing draws it back.
  void dampen() noexcept {
    const auto factor = static_cast<float>(2 * control_.dampening);
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
      const float distance = weights_.data[i] - used_[i];
      if (std::fabs(distance) <= 0.5f * quantizer_->step_at(i)) gradient_[i] += factor * distance;
    }
  }

  const std::string name_;
  Tensor weights_;
  std::vector<float> used_, gradient_;
  std::shared_ptr<WeightQuantizer> quantizer_;
  std::optional<Oscillations> oscillations_;
  OscillationControl control_;
};

}  // namespace lowbit::train
