// SPDX-License-Identifier: Apache-2.0
// RoundedWeights: of each weight it is learned which of two neighbouring values of its grid it becomes. What
// is trained in the place of the weight is its position between them, 0 at the lower and 1 at the higher one;
// the weight is the one that is nearer, and gradients go straight through that choice (Cheng et al.,
// "Optimize Weight Rounding via Signed Gradient Descent for the Quantization of LLMs", EMNLP 2024).
#pragma once

#include <vector>

#include "lowbit/recover/weight_grid.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {

class RoundedWeights final : public WeightQuantizer {
 public:
  /// `weights` in the order of their shape. They begin as the codes of `grid`, with the next value on the
  /// side of the weight as the other one. `stays`: they stay these codes.
  RoundedWeights(WeightGrid grid, const Tensor& weights, bool stays);

  void start(std::span<float> positions) noexcept override;
  void forward(std::span<const float> positions, std::span<float> used) noexcept override;
  void backward(std::span<const float> positions, std::span<float> gradient) noexcept override;
  QuantizedMatrix codes(std::span<const float> positions, std::span<const double> factors,
                        std::span<const std::int64_t> columns) const override;

 private:
  bool is_high(std::span<const float> positions, std::size_t i) const {
    return step_[i] > 0 && positions[i] >= 0.5f;
  }

  WeightGrid grid_;
  std::vector<int> low_;            ///< index of the lower value; in the order of the weights
  std::vector<float> base_, step_;  ///< the lower value, the distance of the other one; 0: there is none
  std::vector<float> first_;        ///< positions to begin with
};

}  // namespace lowbit::train
