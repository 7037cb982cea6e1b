// SPDX-License-Identifier: Apache-2.0
#include "train/rounded_weights.h"

#include <algorithm>
#include <utility>

namespace lowbit::train {

RoundedWeights::RoundedWeights(WeightGrid grid, const Tensor& weights, bool stays) : grid_(std::move(grid)) {
  const std::vector<std::int64_t> order = column_order(weights.shape);
  const std::int64_t rows = grid_.rows(), columns = grid_.cols();
  for (std::vector<float>* v : {&base_, &step_, &first_}) v->resize(weights.data.size());
  low_.resize(weights.data.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) {
      const auto i = static_cast<std::size_t>(r * columns + order[static_cast<std::size_t>(c)]);
      const std::span<const float> values = grid_.values(r, c);
      const int now = grid_.start()[static_cast<std::size_t>(r * columns + c)];
      const auto n = static_cast<std::size_t>(now);
      low_[i] = now;
      base_[i] = values[n];
      if (stays || values.size() < 2) continue;
      const bool goes_up = now == 0 || (n + 1 < values.size() && weights.data[i] > values[n]);
      low_[i] = goes_up ? now : now - 1;
      const auto low = static_cast<std::size_t>(low_[i]);
      base_[i] = values[low];
      step_[i] = values[low + 1] - values[low];
      const float position = (weights.data[i] - base_[i]) / step_[i];
      // On the side of the code that it begins with, and some way off: a few steps by noise change nothing.
      first_[i] = goes_up ? std::clamp(position, 0.0f, 0.25f) : std::clamp(position, 0.75f, 1.0f);
    }
}

void RoundedWeights::start(std::span<float> positions) noexcept {
  std::copy(first_.begin(), first_.end(), positions.begin());
}

void RoundedWeights::forward(std::span<const float> positions, std::span<float> used) noexcept {
  for (std::size_t i = 0; i < used.size(); ++i)
    used[i] = is_high(positions, i) ? base_[i] + step_[i] : base_[i];
}

void RoundedWeights::backward(std::span<const float> positions, std::span<float> gradient) noexcept {
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    // Beyond the ends there is nothing to gain.
    const bool pushes_out = (positions[i] > 1 && gradient[i] < 0) || (positions[i] < 0 && gradient[i] > 0);
    gradient[i] = pushes_out ? 0.0f : gradient[i] * step_[i];
  }
}

QuantizedMatrix RoundedWeights::codes(std::span<const float> positions, std::span<const double>,
                                      std::span<const std::int64_t> columns) const {
  std::vector<int> choice;
  const auto count = static_cast<std::size_t>(grid_.cols());
  for (std::size_t r = 0; r < static_cast<std::size_t>(grid_.rows()); ++r)
    for (const std::int64_t c : columns) {
      const std::size_t i = r * count + static_cast<std::size_t>(c);
      choice.push_back(low_[i] + (is_high(positions, i) ? 1 : 0));
    }
  return grid_.matrix(choice);
}

}  // namespace lowbit::train
