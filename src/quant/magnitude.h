// The largest magnitude of a group, and the scale that maps it to the largest level.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lowbit/core/view.h"

namespace lowbit::detail {

/// Of the finite values; 0 if there are none.
float largest_magnitude(std::span<const float> values);
float largest_magnitude(const MatrixView& values);
/// Each group's, row by row.
std::vector<float> group_magnitudes(const MatrixView& values, std::size_t group_size);

/// magnitude / level, made a positive normal float; 1 for a magnitude of 0.
float scale_for(float magnitude, float level);

}  // namespace lowbit::detail
