// SPDX-License-Identifier: Apache-2.0
// Finds the nearest of a few levels for many values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"

namespace lowbit::detail {

/// A table of 2 to 256 finite levels in any order. Ties go to the level an even number of steps from zero, as
/// rounding half to even does; in a table without a zero, to the upper level. NaN counts as 0; infinities
/// give the ends of the table.
class LevelSearch {
 public:
  explicit LevelSearch(std::span<const float> levels);

  /// out[i] = code of the level nearest to x[i] * inverse_scale.
  void assign(const float* x, std::size_t count, float inverse_scale, std::uint8_t* out) const;

 private:
  void assign_many(const float* x, std::size_t count, float inverse_scale, std::uint8_t* out) const;

  std::size_t thresholds_ = 0;
  std::array<float, 255> threshold_{};    ///< code rank r: how many thresholds are below the value
  std::array<std::uint8_t, 256> code_{};  ///< code of each rank
  bool in_order_ = true;                  ///< ranks are codes
};

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/level_search-inl.h"
#endif
