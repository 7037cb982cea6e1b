// SPDX-License-Identifier: Apache-2.0
#include "layers/epilogue_terms.h"

#include <fmt/format.h>

#include <cmath>

namespace lowbit {

void require_finite(std::span<const float> values, const char* what) {
  for (const float v : values)
    if (!std::isfinite(v))
      throw Error(ErrorCode::invalid_argument, fmt::format("{} of {} cannot be quantized with", what, v));
}

std::vector<float> steps_of_sums(std::size_t columns, float input_scale, std::span<const float> scales,
                                 std::span<const float> units) {
  std::vector<float> steps(columns, input_scale);
  for (std::size_t j = 0; j < columns; ++j) {
    if (!scales.empty()) steps[j] *= scales[j];
    if (!units.empty()) steps[j] *= units[units.size() > 1 ? j : 0];
  }
  return steps;
}

ColumnTerms::ColumnTerms(const kernels::PackedWeights& weights, std::span<const float> scales,
                         std::span<const float> units, std::span<const float> bias,
                         const LayerQuantization& q)
    : ColumnTerms(weights.n(), weights.k(), weights.groups() > 1, weights.column_sums(), scales, units, bias,
                  q) {}

ColumnTerms::ColumnTerms(std::size_t n, std::size_t k, bool grouped, std::span<const std::int32_t> sums,
                         std::span<const float> scales, std::span<const float> units,
                         std::span<const float> bias, const LayerQuantization& q) {
  const float inverse_out = q.output ? 1.0f / q.output->scale : 1.0f;
  const float s_in = q.input ? q.input->scale : 1.0f;
  const std::vector<float> steps = steps_of_sums(n, s_in, grouped ? std::span<const float>() : scales, units);
  if (q.input && !grouped) {
    constant.resize(n);
    const auto zero = static_cast<std::uint32_t>(q.input->zero_point);
    for (std::size_t j = 0; j < n; ++j) {
      const auto sum = static_cast<std::uint32_t>(sums[j]);
      constant[j] = static_cast<std::int32_t>(0u - zero * sum);
    }
  }
  multiplier.resize(n);
  if (q.output && !constant.empty() && take_integer_bias(k, bias, steps)) {
    // A division, as in QLinearConv of ONNX: who computes so is to find the same codes.
    for (std::size_t j = 0; j < n; ++j) multiplier[j] = steps[j] / q.output->scale;
  } else {
    for (std::size_t j = 0; j < n; ++j) multiplier[j] = steps[j] * inverse_out;
    addend.resize(bias.size());
    for (std::size_t j = 0; j < bias.size(); ++j) addend[j] = bias[j] * inverse_out;
  }
  if (q.residual) {
    const float residual[] = {q.residual->scale * inverse_out};
    require_finite(residual, "a residual scale");
  }
  require_finite(multiplier, "a combined scale");
  require_finite(addend, "a bias in units of the output");
}

/// Adds biases that are whole numbers of steps, zeros too, to the constants; false where one is not, or there
/// are none.
bool ColumnTerms::take_integer_bias(std::size_t k, std::span<const float> bias,
                                    std::span<const float> steps) {
  constexpr double kMost = 1 << 24;  // below it a float tells whole numbers apart
  constexpr double kLargestProduct = 255.0 * 128.0, kLargestSum = 2147483647.0;
  if (static_cast<double>(k) * kLargestProduct + kMost > kLargestSum) return false;
  std::vector<std::int32_t> whole(bias.size());
  for (std::size_t j = 0; j < bias.size(); ++j) {
    const double number = std::nearbyint(static_cast<double>(bias[j]) / static_cast<double>(steps[j]));
    if (!(std::fabs(number) < kMost) || static_cast<float>(number) * steps[j] != bias[j]) return false;
    whole[j] = static_cast<std::int32_t>(number);
  }
  for (std::size_t j = 0; j < bias.size(); ++j)
    constant[j] = static_cast<std::int32_t>(static_cast<std::uint32_t>(constant[j]) +
                                            static_cast<std::uint32_t>(whole[j]));
  return !bias.empty();
}

kernels::Epilogue base_epilogue(const ops::Activation& activation, const LayerQuantization& q) {
  kernels::Epilogue e;
  e.out = q.output ? kernels::OutType::u8 : kernels::OutType::f32;
  e.lo = activation.lo;
  e.hi = activation.hi;
  const float inverse_out = q.output ? 1.0f / q.output->scale : 1.0f;
  if (q.output) {
    const auto zero = static_cast<float>(q.output->zero_point);
    const float qmax = static_cast<float>(q.output_qmax) - zero;
    const float lo = e.lo * inverse_out, hi = e.hi * inverse_out;
    e.lo = lo < 0.0f - zero ? 0.0f - zero : lo;
    e.hi = hi > qmax ? qmax : hi;
    // An activation range that lies wholly outside the codes ends at the nearest code.
    e.lo = e.lo > qmax ? qmax : e.lo;
    e.hi = e.hi < 0.0f - zero ? 0.0f - zero : e.hi;
    e.zero_point = q.output->zero_point;
  }
  if (q.residual) {
    e.residual_zero = static_cast<float>(q.residual->zero_point);
    e.residual_scale = q.residual->scale * inverse_out;
  }
  return e;
}

void set_columns(kernels::Epilogue& epilogue, const ColumnTerms& terms) {
  epilogue.column_constant = terms.constant.empty() ? nullptr : terms.constant.data();
  epilogue.multiplier = terms.multiplier.data();
  epilogue.addend = terms.addend.empty() ? nullptr : terms.addend.data();
}

void set_columns(kernels::Epilogue& epilogue, const ColumnTerms& terms, const kernels::PackedWeights& weights,
                 bool dynamic_input) {
  set_columns(epilogue, terms);
  if (dynamic_input && weights.groups() == 1) epilogue.col_a = weights.column_sums().data();
  if (!weights.weight_zero_points().empty()) epilogue.col_b = weights.weight_zero_points().data();
}

}  // namespace lowbit
