// SPDX-License-Identifier: Apache-2.0
// The weights of a product on a tape, with what they are in the forward pass: themselves, or codes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

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
      quantizer_ = make_weight_quantizer(*spec.scheme, weights, spec.learns_steps, spec.name);
    else
      return;
    quantizer_->start(weights_.data);
    used_.resize(weights.data.size());
  }

  /// For this forward pass.
  std::span<const float> use() noexcept {
    if (!quantizer_) return weights_.data;
    quantizer_->forward(weights_.data, used_);
    return used_;
  }
  /// Where the gradient of what was used goes; end_backward() follows.
  float* gradient() { return gradient_.data(); }
  void end_backward() noexcept {
    if (quantizer_) quantizer_->backward(weights_.data, gradient_);
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
    return quantizer_->codes(weights_.data, factors, column_order(weights_.shape));
  }

 private:
  const std::string name_;
  Tensor weights_;
  std::vector<float> used_, gradient_;
  std::shared_ptr<WeightQuantizer> quantizer_;
};

}  // namespace lowbit::train
