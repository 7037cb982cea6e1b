// SPDX-License-Identifier: Apache-2.0
// Oscillations of weights between two codes, and how they end: weights are drawn to the middle of their code
// (dampening), or stay at one from the moment on when they change too often (freezing). Nagel et al.,
// "Overcoming Oscillations in Quantization-Aware Training", ICML 2022.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "lowbit/train/tape.h"
#include "train/weight_quantizer.h"

namespace lowbit::train {

/// Of the weights of one layer. What it remembers are states of the training.
class Oscillations {
 public:
  explicit Oscillations(std::size_t weights);

  /// Weights that are frozen return to the middle of their code.
  void hold(const WeightQuantizer& quantizer, std::span<float> weights) const noexcept;
  /// After a training step: how often codes have turned back, as a moving average. Weights above `threshold`
  /// are frozen at the mean of their codes, rounded; none where it is 0.
  void observe(const WeightQuantizer& quantizer, std::span<const float> weights, double threshold) noexcept;
  std::size_t frozen() const;
  std::vector<TrainingState> states(const std::string& layer);

 private:
  static constexpr double kPart = 0.01;  ///< of a step in the averages
  static constexpr double kFrozen = -1;  ///< a frequency

  /// Per weight: how often, the mean code, the last code, and whether that went up (1) or down (-1).
  std::vector<double> frequency_, mean_, last_, direction_;
  std::vector<float> codes_;
};

}  // namespace lowbit::train
