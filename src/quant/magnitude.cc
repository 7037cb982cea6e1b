#include "quant/magnitude.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lowbit/kernels/elementwise_kernel.h"
#include "quant/group_values.h"
#include "quant/matrix_rows.h"

namespace lowbit::detail {

float largest_magnitude(std::span<const float> values) {
  float min = 0.0f, max = 0.0f;
  elementwise().min_max(values.data(), values.size(), &min, &max);
  if (!(min <= max)) return 0.0f;
  return std::max(std::fabs(min), std::fabs(max));
}

float largest_magnitude(const MatrixView& values) {
  float largest = 0.0f;
  for (const float m : group_magnitudes(values, static_cast<std::size_t>(values.cols)))
    largest = std::max(largest, m);
  return largest;
}

std::vector<float> group_magnitudes(const MatrixView& values, std::size_t group_size) {
  const auto cols = static_cast<std::size_t>(values.cols);
  std::vector<float> magnitudes, row;
  magnitudes.reserve(static_cast<std::size_t>(values.rows) * ((cols + group_size - 1) / group_size));
  for (std::int64_t r = 0; r < values.rows; ++r) {
    const std::span<const float> v = contiguous_rows(values, r, 1, row);
    for (std::size_t c = 0; c < cols; c += group_size)
      magnitudes.push_back(largest_magnitude(v.subspan(c, std::min(group_size, cols - c))));
  }
  return magnitudes;
}

float scale_for(float magnitude, float level) {
  return magnitude == 0.0f ? 1.0f : normal_scale(double(magnitude) / double(level));
}

}  // namespace lowbit::detail
