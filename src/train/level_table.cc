// SPDX-License-Identifier: Apache-2.0
#include "train/level_table.h"

#include <algorithm>
#include <numeric>

#include "lowbit/quant/detail/level_rounding.h"

namespace lowbit::train {

void LevelTable::set(std::span<const float> levels) {
  used_.assign(levels.begin(), levels.end());
  if (meets_integers_) {
    padded_.assign(levels.begin(), levels.end());
    padded_.resize(levels.size() <= 16 ? 16 : 256, levels.back());  // as a QuantizedMatrix has it
    const detail::IntegerLevels rounded = detail::round_levels(padded_);
    for (std::size_t k = 0; k < used_.size(); ++k)
      used_[k] = rounded.unit * static_cast<float>(rounded.integer[k]);
  }
  order_.resize(used_.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
    return used_[a] != used_[b] ? used_[a] < used_[b] : a < b;
  });
  middles_.clear();
  for (std::size_t i = 1; i < order_.size(); ++i)
    middles_.push_back(0.5f * used_[order_[i - 1]] + 0.5f * used_[order_[i]]);
}

std::size_t LevelTable::nearest(float x) const {
  const auto at = std::lower_bound(middles_.begin(), middles_.end(), x);
  return order_[static_cast<std::size_t>(at - middles_.begin())];
}

}  // namespace lowbit::train
