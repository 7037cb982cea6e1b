// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "lowbit/quant/detail/group_ranges.h"
#include "lowbit/quant/detail/group_values.h"
#include "lowbit/quant/detail/magnitude.h"
#include "lowbit/quant/detail/matrix_rows.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

LOWBIT_INLINE float largest_magnitude(const MatrixView& values) {
  float largest = 0.0f;
  for (const float m : group_magnitudes(values, static_cast<std::size_t>(values.cols)))
    largest = std::max(largest, m);
  return largest;
}

LOWBIT_INLINE std::vector<float> group_magnitudes(const MatrixView& values, std::size_t group_size) {
  const auto cols = static_cast<std::size_t>(values.cols);
  std::vector<float> magnitudes, row;
  std::vector<Range> ranges;
  magnitudes.reserve(static_cast<std::size_t>(values.rows) * ((cols + group_size - 1) / group_size));
  for (std::int64_t r = 0; r < values.rows; ++r) {
    group_ranges(contiguous_rows(values, r, 1, row), group_size, ranges);
    for (const Range& range : ranges) magnitudes.push_back(largest_magnitude(range));
  }
  return magnitudes;
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
