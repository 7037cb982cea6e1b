// SPDX-License-Identifier: Apache-2.0
// What the epilogue needs per output column, computed once when a layer is built: integer corrections for
// zero points and the float multiplier and addend that take an accumulator to real units or straight to
// output codes. The sums are derived in docs/quantization.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lowbit/core/qparams.h"
#include "lowbit/kernels/gemm.h"
#include "lowbit/layers/op_common.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

/// Static qparams of what flows in and out; empty: found at run time (in) or f32 (out).
struct LayerQuantization {
  std::optional<QParams> input, output, residual;
  std::int32_t output_qmax = 255;  ///< output codes are 0 to this
};

/// Throws Error(invalid_argument) naming `what` for NaN and infinities: an infinite factor times a sum of
/// zero would be NaN, which has no code.
void require_finite(std::span<const float> values, const char* what);

/// Of the sums of each column, in reals: `input_scale` times what ColumnTerms says of `scales` (empty also
/// for scales of groups) and `units`. Separate roundings, in one order, on every CPU.
std::vector<float> steps_of_sums(std::size_t columns, float input_scale, std::span<const float> scales,
                                 std::span<const float> units);

/// Columns are the rows of one weight matrix (all channels of a layer, or those of one group of a
/// convolution).
struct ColumnTerms {
  std::vector<std::int32_t>
      constant;  ///< -z_in * sum(w - z_w) [+ integer bias]; empty for a dynamic input or several scale groups
  std::vector<float> multiplier;  ///< [s_in] * s_w [/ s_out]; weight scale left out for several scale groups
  std::vector<float> addend;      ///< bias [/ s_out]; empty without a bias, or with an integer one

  /// EffectiveWeights::column_scales(), `bias` (or empty) and EffectiveWeights::units() (none, one or one
  /// each) of these columns.
  ColumnTerms(const kernels::PackedWeights& weights, std::span<const float> scales,
              std::span<const float> units, std::span<const float> bias, const LayerQuantization& q);
  /// The same for `n` columns that are packed otherwise, of sums over `k` products; `grouped`: with several
  /// scale groups. `sums`: of the integer weights of each column.
  ColumnTerms(std::size_t n, std::size_t k, bool grouped, std::span<const std::int32_t> sums,
              std::span<const float> scales, std::span<const float> units, std::span<const float> bias,
              const LayerQuantization& q);

 private:
  bool take_integer_bias(std::size_t k, std::span<const float> bias, std::span<const float> steps);
};

/// The parts of an epilogue that are the same for all columns: output type, clamp, zero points, residual
/// scale.
kernels::Epilogue base_epilogue(const ops::Activation& activation, const LayerQuantization& q);
/// Adds the column pointers; the second also those of the packed weights.
void set_columns(kernels::Epilogue& epilogue, const ColumnTerms& terms);
void set_columns(kernels::Epilogue& epilogue, const ColumnTerms& terms, const kernels::PackedWeights& weights,
                 bool dynamic_input);

}  // namespace lowbit
