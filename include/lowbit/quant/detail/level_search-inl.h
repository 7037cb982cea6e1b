// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/quant/detail/level_search.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {
namespace level_search {

inline constexpr std::size_t kFewThresholds = 15;

// The largest float that still belongs to the level below: half way, or just under it where a tie goes up.
inline float threshold_between(float below, float above, bool tie_goes_up) {
  const double middle = 0.5 * (double(below) + double(above));
  const float t = static_cast<float>(middle);
  const float under = double(t) < middle ? t : std::nextafter(t, -std::numeric_limits<float>::infinity());
  return double(t) == middle && !tie_goes_up ? t : under;
}

}  // namespace level_search

LOWBIT_INLINE LevelSearch::LevelSearch(std::span<const float> levels) {
  using namespace level_search;
  std::array<std::uint8_t, 256> order;
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(levels.size());
  std::iota(order.begin(), end, std::uint8_t{0});
  if (!std::is_sorted(levels.begin(), levels.end()))
    std::stable_sort(order.begin(), end,
                     [&](std::uint8_t a, std::uint8_t b) { return levels[a] < levels[b]; });
  // Equal levels: the first code of each stands for all.
  std::size_t ranks = 0, zero = levels.size();
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (i > 0 && levels[order[i]] == levels[code_[ranks - 1]]) continue;
    in_order_ = in_order_ && order[i] == ranks;
    if (levels[order[i]] == 0.0f) zero = ranks;
    code_[ranks++] = order[i];
  }
  thresholds_ = ranks - 1;
  for (std::size_t r = 0; r < thresholds_; ++r) {
    const bool upper_is_even = zero == levels.size() || (r + 1 + zero) % 2 == 0;
    threshold_[r] = threshold_between(levels[code_[r]], levels[code_[r + 1]], upper_is_even);
  }
}

LOWBIT_INLINE void LevelSearch::assign(const float* x, std::size_t count, float inverse_scale,
                                       std::uint8_t* out) const {
  using namespace level_search;
  if (thresholds_ > kFewThresholds) return assign_many(x, count, inverse_scale, out);
  kernels::elementwise().rank(x, count, inverse_scale, threshold_.data(), thresholds_, out);
  if (in_order_) return;
  for (std::size_t i = 0; i < count; ++i) out[i] = code_[out[i]];
}

LOWBIT_INLINE void LevelSearch::assign_many(const float* x, std::size_t count, float inverse_scale,
                                            std::uint8_t* out) const {
  const float* first = threshold_.data();
  for (std::size_t i = 0; i < count; ++i) {
    const float scaled = x[i] * inverse_scale, v = scaled == scaled ? scaled : 0.0f;
    // Thresholds below v, by halving without branches.
    const float* base = first;
    std::size_t left = thresholds_;
    while (left > 1) {
      const std::size_t half = left / 2;
      base += v > base[half - 1] ? half : 0;
      left -= half;
    }
    const std::size_t rank = static_cast<std::size_t>(base - first) + (left == 1 && v > *base ? 1 : 0);
    out[i] = code_[rank];
  }
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
