// SPDX-License-Identifier: Apache-2.0
// The largest magnitude of a group, and the scale that maps it to the largest level.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/view.h"
#include "lowbit/quant/detail/group_values.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit::detail {

inline float largest_magnitude(Range range) {
  return std::max(std::fabs(range.min), std::fabs(range.max));
}
/// Of the finite values; 0 if there are none.
inline float largest_magnitude(std::span<const float> values) {
  return largest_magnitude(finite_range(values));
}
float largest_magnitude(const MatrixView& values);
/// Each group's, row by row.
std::vector<float> group_magnitudes(const MatrixView& values, std::size_t group_size);

/// magnitude / level, made a positive normal float; 1 for a magnitude of 0.
inline float scale_for(float magnitude, float level) {
  return magnitude == 0.0f ? 1.0f : normal_scale(double(magnitude) / double(level));
}

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/magnitude-inl.h"
#endif
