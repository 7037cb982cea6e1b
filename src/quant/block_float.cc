#include "lowbit/quant/block_float.h"

#include <cmath>
#include <limits>

#include "quant/magnitude.h"

namespace lowbit {
namespace detail {

std::vector<float> finite_table(MiniFloat format) {
  std::vector<float> levels = table(format);
  for (float& l : levels) l = std::isfinite(l) ? l : 0.0f;
  return levels;
}

ScaleGroup fit_minifloat(std::span<const float> values, MiniFloat format) {
  return {scale_for(largest_magnitude(values), largest(format))};
}

float fit_power_of_two(std::span<const float> values, int exponent) {
  const float magnitude = largest_magnitude(values);
  if (magnitude == 0.0f) return 1.0f;
  // Scales are normal floats: the blocks that would need a smaller one round to zero.
  const int e = std::ilogb(magnitude) - exponent, least = std::numeric_limits<float>::min_exponent - 1 + 6;
  return std::ldexp(1.0f, e < least ? least : e);
}

}  // namespace detail

ScaleGroup MxFp::fit(std::span<const float> values, std::span<const float>) const {
  return {detail::fit_power_of_two(values, std::ilogb(largest(element)))};
}

ScaleGroup NvFp4::fit(std::span<const float> values, std::span<const float>) const {
  const float wanted = detail::scale_for(detail::largest_magnitude(values), largest(minifloat()));
  const float unit = matrix_scale > 0.0f ? matrix_scale : 1.0f;
  std::uint8_t code = encode(MiniFloat::fp8_e4m3fn, wanted / unit);
  if (code == 0) code = 1;  // a scale is positive
  const float scale = decode(MiniFloat::fp8_e4m3fn, code) * unit;
  return {scale < std::numeric_limits<float>::min() ? std::numeric_limits<float>::min() : scale};
}

AnyQuantizer NvFp4::bind(const MatrixView& weights, const MatrixView&) const {
  if (matrix_scale > 0.0f) return *this;
  NvFp4 bound = *this;
  const float of_fp8 = largest(MiniFloat::fp8_e4m3fn) * largest(minifloat());
  bound.matrix_scale = detail::scale_for(detail::largest_magnitude(weights), of_fp8);
  return bound;
}

}  // namespace lowbit
