// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/minifloat.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/detail/kmeans_1d.h"
#include "lowbit/quant/detail/level_tables.h"
#include "lowbit/quant/detail/magnitude.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::codebook {

inline constexpr std::size_t kMaxPoints = 65536;  // beyond as many values, levels are found on a histogram

inline float largest_level(std::span<const float> levels) {
  return detail::largest_magnitude(levels);
}

inline std::vector<float> copy(std::span<const float> levels) {
  return {levels.begin(), levels.end()};
}

// Levels are at least two, whatever the values were.
inline LutGroup group_of(std::vector<float> levels) {
  if (levels.empty()) levels = {0.0f};
  if (levels.size() == 1) levels.push_back(levels[0]);
  return {1.0f, std::move(levels)};
}

inline detail::WeightedPoints points_of(std::span<const float> values, std::span<const float> importance) {
  return values.size() > kMaxPoints ? detail::binned_points(values, importance, kMaxPoints)
                                    : detail::sorted_points(values, importance);
}

// Every value divided by the largest magnitude of its group, and its importance times the square of that:
// squared errors then count as they do in the matrix.
struct Normalized {
  std::vector<float> values, importance;
};

inline Normalized normalize(const MatrixView& weights, const MatrixView& importance,
                            Granularity granularity) {
  const std::size_t size = granularity.group_size;
  const std::vector<float> magnitudes = detail::group_magnitudes(weights, size);
  const std::size_t groups = (static_cast<std::size_t>(weights.cols) + size - 1) / size;
  Normalized out;
  out.values.reserve(static_cast<std::size_t>(weights.rows * weights.cols));
  out.importance.reserve(out.values.capacity());
  float largest = 0.0f;
  for (const float m : magnitudes) largest = std::max(largest, m);
  for (std::int64_t r = 0; r < weights.rows; ++r)
    for (std::int64_t c = 0; c < weights.cols; ++c) {
      const float m = magnitudes[static_cast<std::size_t>(r) * groups + static_cast<std::size_t>(c) / size];
      if (m == 0.0f) continue;
      const float relative = m / largest;
      out.values.push_back(weights(r, c) / m);
      out.importance.push_back(relative * relative * (importance.data ? importance(r, c) : 1.0f));
    }
  return out;
}

// A fixed table with scales as given, for matrices that were looked at as a whole.
struct BoundTable {
  Granularity granularity;
  std::vector<float> table;
  int bits;

  int code_bits() const { return bits; }
  const std::vector<float>& levels() const { return table; }
  ScaleGroup fit(std::span<const float> values, std::span<const float>) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const { return detail::fit_scale(range, 1.0f); }
};

// The same with the scale taken from mean + step * (-127 .. 127).
struct BoundScales {
  Granularity granularity;
  std::vector<float> table;
  int bits;
  float largest, mean, step;

  int code_bits() const { return bits; }
  static constexpr double scale_bits() { return 8; }
  const std::vector<float>& levels() const { return table; }
  ScaleGroup fit(std::span<const float> values, std::span<const float>) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const {
    const float wanted = detail::fit_scale(range, largest).scale;
    if (step == 0.0f) return {mean};
    float steps = std::nearbyint((wanted - mean) / step);
    steps = std::clamp(steps, -127.0f, 127.0f);
    // The smallest scale may round to zero or below; the step above that is the smallest usable one.
    float scale = mean + steps * step;
    while (!(scale > 0.0f) || !std::isnormal(scale)) scale = mean + ++steps * step;
    return {scale};
  }
};

}  // namespace detail::codebook

namespace detail {

LOWBIT_INLINE ScaleGroup fit_scale(Range range, float largest_level) {
  return {scale_for(largest_magnitude(range), largest_level)};
}

LOWBIT_INLINE LutGroup fit_kmeans(std::span<const float> values, std::span<const float> importance, int bits,
                                  bool exact) {
  using namespace detail::codebook;
  const WeightedPoints points = points_of(values, importance);
  return group_of(exact ? kmeans_exact(points, 1 << bits) : kmeans_lloyd(points, 1 << bits));
}

LOWBIT_INLINE LutGroup fit_quantiles(std::span<const float> values, std::span<const float> importance,
                                     int bits) {
  using namespace detail::codebook;
  return group_of(quantile_levels(points_of(values, importance), 1 << bits));
}

LOWBIT_INLINE AnyQuantizer bind_kmeans(const MatrixView& weights, const MatrixView& importance,
                                       Granularity granularity, int bits, bool exact) {
  using namespace detail::codebook;
  const Normalized n = normalize(weights, importance, granularity);
  return BoundTable{granularity, fit_kmeans(n.values, n.importance, bits, exact).levels, bits};
}

LOWBIT_INLINE AnyQuantizer bind_quantiles(const MatrixView& weights, const MatrixView& importance,
                                          Granularity granularity, int bits) {
  using namespace detail::codebook;
  const Normalized n = normalize(weights, importance, granularity);
  return BoundTable{granularity, fit_quantiles(n.values, n.importance, bits).levels, bits};
}

LOWBIT_INLINE AnyQuantizer bind_scales(const MatrixView& weights, Granularity granularity,
                                       std::vector<float> levels, int bits) {
  using namespace detail::codebook;
  const float largest = largest_level(levels);
  const bool grouped = granularity.kind == Granularity::Kind::group;
  std::vector<float> scales =
      group_magnitudes(weights, grouped ? granularity.group_size : static_cast<std::size_t>(weights.cols));
  double sum = 0;
  for (float& s : scales) sum += double(s = scale_for(s, largest));
  const auto mean = static_cast<float>(sum / static_cast<double>(scales.size()));
  float farthest = 0.0f;
  for (const float s : scales) farthest = std::max(farthest, std::fabs(s - mean));
  return BoundScales{granularity, std::move(levels), bits, largest, mean, farthest / 127.0f};
}

LOWBIT_INLINE std::vector<float> nf4_table() {
  return codebook::copy(nf4_levels());
}
LOWBIT_INLINE std::vector<float> fp4_table() {
  return lowbit::minifloat::table(MiniFloat::fp4_e2m1);
}
LOWBIT_INLINE std::vector<float> log2_table(int bits) {
  return codebook::copy(log_levels(bits));
}
LOWBIT_INLINE std::vector<float> log_sqrt2_table() {
  return codebook::copy(sqrt2_levels());
}
LOWBIT_INLINE std::vector<float> apot_table(int bits) {
  return codebook::copy(apot_levels(bits));
}

}  // namespace detail

LOWBIT_INLINE int Codebook::code_bits() const {
  if (table.size() < 2 || table.size() > 256)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a codebook has 2 to 256 levels, not {}", table.size()));
  int bits = 2;  // what tables are stored in
  while ((std::size_t{1} << bits) < table.size()) ++bits;
  return bits;
}

LOWBIT_INLINE ScaleGroup Codebook::fit_range(Range range) const {
  using namespace detail::codebook;
  const float largest = largest_level(table);
  return largest == 0.0f ? ScaleGroup{} : detail::fit_scale(range, largest);
}

LOWBIT_INLINE AnyQuantizer Nf4::bind(const MatrixView& weights, const MatrixView&) const {
  if (!double_quantization) return *this;
  return detail::bind_scales(weights, granularity, levels(), code_bits());
}

LOWBIT_INLINE AnyQuantizer Fp4::bind(const MatrixView& weights, const MatrixView&) const {
  if (!double_quantization) return *this;
  return detail::bind_scales(weights, granularity, levels(), code_bits());
}

}  // namespace lowbit
LOWBIT_END_EXACT
