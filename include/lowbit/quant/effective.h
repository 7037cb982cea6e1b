// SPDX-License-Identifier: Apache-2.0
// What a layer multiplies by. Most packed formats run as they are stored; the rest are brought into a form
// that a kernel has:
//
//   u8 activations     lut4: levels rounded to int8
//                      lut8: s8, if there is one table and its levels are int8 but for a factor
//                      b1 of one plane: s2
//   f32 activations    offsets: lut8 (s8) or lut4 (u4, s2), a table for each row
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

/// A QuantizedMatrix in the form that kernels for one type of activations take.
class EffectiveWeights {
 public:
  /// Copies `q` only where it must be rewritten; else it must outlive this object. Throws
  /// Error(not_built) naming what no kernel takes: lut8 levels that are not integers or real offsets with u8
  /// activations; offsets of scale groups with f32 ones; all but b1 with sign bits.
  EffectiveWeights(const QuantizedMatrix& q, kernels::ActType act);
  EffectiveWeights(const QuantizedMatrix&& q, kernels::ActType act) = delete;  // would dangle
  EffectiveWeights(EffectiveWeights&&) = default;
  EffectiveWeights& operator=(EffectiveWeights&&) = default;

  const QuantizedMatrix& matrix() const { return converted_.rows > 0 ? converted_ : *source_; }
  /// Rows [first, first + count), for packing; points into this object or the source.
  kernels::WeightSpec spec(std::uint32_t taps, std::int64_t first, std::int64_t count) const;
  kernels::WeightSpec spec(std::uint32_t taps = 1) const { return spec(taps, 0, matrix().rows); }
  /// Scales of rows [first, first + count) that the columns of a product are multiplied by; empty: 1.
  std::span<const float> column_scales(std::int64_t first, std::int64_t count) const;
  std::span<const float> column_scales() const { return column_scales(0, matrix().rows); }
  /// Whether matrix() is the matrix that was given, as it was.
  bool is_source() const { return converted_.rows == 0; }
  /// What an integer product is multiplied by beside the scale: [1] or [rows]; empty: 1.
  const std::vector<float>& units() const { return units_; }
  /// Levels as int8, tables as in matrix(); empty but for lut4 with u8 activations.
  const std::vector<std::int8_t>& levels() const { return levels_; }
  /// The integer that stands at (r, c); u8 activations, one plane.
  std::int32_t integer(std::int64_t r, std::int64_t c) const;

 private:
  void round_levels();
  void signs_to_s2();
  void levels_to_s8();
  void codes_to_levels();

  const QuantizedMatrix* source_;
  kernels::ActType act_;
  QuantizedMatrix converted_;
  std::vector<std::int8_t> levels_;
  std::vector<float> units_;
};

/// `q` with the values that a layer of these activations multiplies by: the same but for tables, whose levels
/// are rounded to int8 steps for u8 activations. Its error against `q` is what that rounding costs. Throws as
/// EffectiveWeights does.
QuantizedMatrix effective_weights(const QuantizedMatrix& q, kernels::ActType act);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/effective-inl.h"
#endif
