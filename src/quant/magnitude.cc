#include "quant/magnitude.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace lowbit::detail {
namespace {

constexpr std::size_t kLanes =
    16;  // independent partial results, which the compiler keeps in vector registers
constexpr std::uint32_t kInfinity = 0x7F800000u;

// Magnitudes order as integers do; those of infinities and NaN count as zero.
std::uint32_t magnitude_bits(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFu;
  return bits < kInfinity ? bits : 0u;
}

}  // namespace

float largest_magnitude(std::span<const float> values) {
  std::array<std::uint32_t, kLanes> largest{};
  const std::size_t whole = values.size() - values.size() % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t j = 0; j < kLanes; ++j) {
      // Signed comparisons, which every processor has for vectors; no magnitude has the top bit.
      const auto bits = static_cast<std::int32_t>(magnitude_bits(values[i + j]));
      const auto so_far = static_cast<std::int32_t>(largest[j]);
      largest[j] = static_cast<std::uint32_t>(bits > so_far ? bits : so_far);
    }
  for (std::size_t i = whole; i < values.size(); ++i)
    largest[0] = std::max(largest[0], magnitude_bits(values[i]));
  return std::bit_cast<float>(*std::max_element(largest.begin(), largest.end()));
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
    std::span<const float> v(values.data + r * values.row_stride, cols);
    if (values.col_stride != 1) {
      row.resize(cols);
      for (std::size_t c = 0; c < cols; ++c) row[c] = values(r, static_cast<std::int64_t>(c));
      v = row;
    }
    for (std::size_t c = 0; c < cols; c += group_size)
      magnitudes.push_back(largest_magnitude(v.subspan(c, std::min(group_size, cols - c))));
  }
  return magnitudes;
}

float scale_for(float magnitude, float level) {
  if (magnitude == 0.0f) return 1.0f;
  const double scale = double(magnitude) / double(level);
  using Limits = std::numeric_limits<float>;
  return static_cast<float>(std::clamp<double>(scale, Limits::min(), Limits::max()));
}

}  // namespace lowbit::detail
