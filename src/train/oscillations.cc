// SPDX-License-Identifier: Apache-2.0
#include "train/oscillations.h"

#include <algorithm>
#include <cmath>

namespace lowbit::train {
namespace {

constexpr double kNoCode = 1e9;  ///< before the first step

}  // namespace

Oscillations::Oscillations(std::size_t weights)
    : frequency_(weights), mean_(weights), last_(weights, kNoCode), direction_(weights), codes_(weights) {}

void Oscillations::hold(const WeightQuantizer& quantizer, std::span<float> weights) const noexcept {
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (frequency_[i] == kFrozen) weights[i] = static_cast<float>(mean_[i]) * quantizer.step_at(i);
}

void Oscillations::observe(const WeightQuantizer& quantizer, std::span<const float> weights,
                           double threshold) noexcept {
  quantizer.find_codes(weights, codes_);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (frequency_[i] == kFrozen) continue;
    const auto code = static_cast<double>(codes_[i]);
    if (last_[i] == kNoCode) last_[i] = mean_[i] = code;
    const double moves = code > last_[i] ? 1 : code < last_[i] ? -1 : 0;
    const bool turns = moves != 0 && moves == -direction_[i];
    frequency_[i] += kPart * ((turns ? 1 : 0) - frequency_[i]);
    mean_[i] += kPart * (code - mean_[i]);
    if (moves != 0) direction_[i] = moves;
    last_[i] = code;
    if (threshold > 0 && frequency_[i] > threshold) {
      frequency_[i] = kFrozen;
      mean_[i] = std::nearbyint(mean_[i]);
    }
  }
}

std::size_t Oscillations::frozen() const {
  return static_cast<std::size_t>(std::count(frequency_.begin(), frequency_.end(), kFrozen));
}

std::vector<TrainingState> Oscillations::states(const std::string& layer) {
  return {{layer + ".oscillation", frequency_},
          {layer + ".mean_code", mean_},
          {layer + ".last_code", last_},
          {layer + ".direction", direction_}};
}

}  // namespace lowbit::train
