// SPDX-License-Identifier: Apache-2.0
// QuantizedMatrix: the canonical, owning result of quantizing a weight matrix; what files store and kernels
// pack.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/scheme.h"
#include "lowbit/core/view.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {

/// rows x cols codes with their scales. What a code stands for:
///   s8, u4, s2    scale * (code - zero_point) + offset
///   lut4, lut8    scale * levels[code]
///   b1            the sum over planes p of +scales[p] or, where bit p of the code is set, -scales[p]
/// An aggregate: loaders fill it and call validate().
struct QuantizedMatrix {
  std::int64_t rows = 0, cols = 0;
  WeightFormat format = WeightFormat::s8;
  int bits = 8;  ///< width that the quantizer used; <= the width of the format. b1: the number of planes
  Granularity granularity = per_channel();
  std::vector<std::uint8_t> codes{};  ///< row-major, rows of row_bytes(); layout of WeightFormat. b1: row r
                                      ///< of plane p is row r * bits + p
  std::vector<float>
      scales{};  ///< [rows][groups()], whatever the granularity; b1: [rows][bits]. Group scales
                 ///< are fp16 values unless fp16 cannot hold their range or scale_bits is set
  std::vector<std::int32_t> zero_points{};  ///< s8, u4, s2: [rows][groups()]; empty: the middle code
                                            ///< everywhere (0 for s8, 8 for u4, 2 for s2), that is, symmetric
  std::vector<float> offsets{};             ///< s8, u4, s2: [rows][groups()], in reals; empty: 0
  std::vector<float> levels{};  ///< lut4, lut8: table_size() of them, or as many for each row; the last one
                                ///< repeated where the quantizer has fewer
  double scale_bits = 0;  ///< bits that a scale takes where it is kept in fewer than fp16; 0: see scales

  std::int64_t groups() const {
    return granularity.kind == Granularity::Kind::group && granularity.group_size > 0
               ? (cols + granularity.group_size - 1) / granularity.group_size
               : 1;
  }
  int planes() const { return format == WeightFormat::b1 ? bits : 1; }
  /// Levels in a table: 16 for lut4, 256 for lut8, else 0.
  std::size_t table_size() const {
    return format == WeightFormat::lut4 ? 16 : format == WeightFormat::lut8 ? 256 : 0;
  }
  bool levels_per_row() const { return levels.size() > table_size(); }
  std::size_t row_bytes() const;
  /// Code at (r, c), unpacked; b1: bit p is that of plane p.
  std::int32_t code(std::int64_t r, std::int64_t c) const;
  /// Bits of codes, scales, zero points, offsets and tables (f32) together, divided by the number of weights;
  /// per-tensor scales count once, group scales as fp16 where they are fp16 values. A .lowbit file spends 32
  /// bits on every scale.
  double bits_per_weight() const;
  /// The same in bytes, rounded up.
  std::size_t stored_bytes() const;
  /// For packing; points into this object. `taps` as in WeightSpec. Tables are given as real levels; integer
  /// kernels take what layers make of them. Offsets are no part of it: EffectiveWeights turns them into
  /// tables.
  kernels::WeightSpec spec(std::uint32_t taps = 1) const;
  /// Throws Error(corrupt_file) naming the first member whose size or value cannot be.
  void validate() const;
};

/// Quantizes `weights` (rows are output channels) group by group. `importance` (same shape or empty) weighs
/// the errors in what a quantizer fits by errors: the MSE clip, k-means, quantiles, ternary and binary
/// weights; others ignore it. Rounds to nearest even, unless a group says otherwise; NaN counts as 0,
/// infinities become the ends of the range, and neither takes part in the fits of lowbit's quantizers. Throws
/// Error(invalid_argument) for an empty matrix, an impossible option (group sizes are multiples of 4 from 4
/// to 65,536) and what groups.h says of fits, Error(shape_mismatch) for an importance of another shape.
QuantizedMatrix quantize(const MatrixView& weights, const AnyQuantizer& quantizer,
                         const MatrixView& importance = {});
/// The same of an Eigen expression, computed once.
template <detail::EigenExpression M, class Q>
QuantizedMatrix quantize(const M& weights, const Q& quantizer, const MatrixView& importance = {}) {
  static_assert(std::same_as<typename M::Scalar, float>,
                "these weights are of another type than float: weights.cast<float>() converts them");
  if constexpr (std::same_as<typename M::Scalar, float>) {
    const auto computed = weights.eval();
    return quantize(computed, quantizer, importance);
  } else {
    return {};
  }
}
/// For what has a size alone: says what is missing.
template <class V, class Q>
requires(!detail::EigenExpression<V> && !std::convertible_to<const V&, MatrixView> &&
         std::convertible_to<const V&, std::span<const float>>) QuantizedMatrix
    quantize(const V&, const Q&, const MatrixView& = {}) {
  static_assert(!std::same_as<V, V>, "a matrix has rows and columns: MatrixView(values.data(), rows, cols)");
  return {};
}
/// For what is neither a quantizer nor a scheme: says what it lacks.
template <class Q>
requires(!std::convertible_to<const Q&, AnyQuantizer> &&
         !std::convertible_to<const Q&, Scheme>) QuantizedMatrix
    quantize(const MatrixView&, const Q&, const MatrixView& = {}) {
  static_assert(
      detail::HasFit<Q>,
      "a quantizer has a method fit(values, importance) that is const and returns one of the types in "
      "lowbit/quant/groups.h; this type has not");
  static_assert(
      detail::HasGranularity<Q>,
      "a quantizer has a public member `granularity` of type lowbit::Granularity; this type has not");
  static_assert(detail::HasCodeBits<Q>,
                "a quantizer has a method code_bits() that is const; this type has not");
  return {};
}
/// The values that codes stand for, each step rounded to float: what kernels compute with, but for tables
/// whose levels an integer kernel rounds (effective_weights() has those). `out` has q's shape, or
/// Error(shape_mismatch).
void dequantize(const QuantizedMatrix& q, const MutableMatrixView& out);
/// For what cannot be written to: says why.
template <class M>
requires(detail::EigenExpression<std::remove_cvref_t<M>>) void dequantize(const QuantizedMatrix&, M&&) {
  static_assert(!std::same_as<M, M>,
                "values are written to a matrix of float, not to one of another type or an "
                "expression");
}
/// The values of one row. `row` is one of q's rows and `out` has its columns, or Error(shape_mismatch).
void dequantize_row(const QuantizedMatrix& q, std::int64_t row, std::span<float> out);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/quantize_matrix-inl.h"
#include "lowbit/quant/quantized_matrix-inl.h"
#endif
