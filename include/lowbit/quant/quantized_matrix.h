// QuantizedMatrix: the canonical, owning result of quantizing a weight matrix; what files store and kernels
// pack.
#pragma once

#include <cstdint>
#include <vector>

#include "lowbit/core/granularity.h"
#include "lowbit/core/view.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {

/// rows x cols codes with their scales. real = scale * (code - zero_point). An aggregate: loaders fill it and
/// call validate().
struct QuantizedMatrix {
  std::int64_t rows = 0, cols = 0;
  WeightFormat format = WeightFormat::s8;
  int bits = 8;  ///< width that the quantizer used; <= the width of the format
  Granularity granularity = per_channel();
  std::vector<std::uint8_t> codes{};  ///< row-major, rows of row_bytes(); layout of WeightFormat
  std::vector<float> scales{};  ///< [rows][groups()], whatever the granularity; group scales are fp16 values
                                ///< unless fp16 cannot hold their range
  std::vector<std::int32_t> zero_points{};  ///< the same shape; empty: the middle code everywhere (0 for s8,
                                            ///< 8 for u4, 2 for s2), that is, symmetric

  std::int64_t groups() const {
    return granularity.kind == Granularity::Kind::group && granularity.group_size > 0
               ? (cols + granularity.group_size - 1) / granularity.group_size
               : 1;
  }
  std::size_t row_bytes() const;
  /// Code at (r, c), unpacked.
  std::int32_t code(std::int64_t r, std::int64_t c) const;
  /// Bits of codes, scales and zero points together, divided by the number of weights; per-tensor scales
  /// count once, group scales as fp16 where they are fp16 values. A .lowbit file spends 32 bits on every
  /// scale.
  double bits_per_weight() const;
  /// The same in bytes, rounded up.
  std::size_t stored_bytes() const;
  /// For packing; points into this object. `taps` as in WeightSpec.
  WeightSpec spec(std::uint32_t taps = 1) const;
  /// Throws Error(corrupt_file) naming the first member whose size or value cannot be.
  void validate() const;
};

/// Quantizes `weights` (rows are output channels) group by group. `importance` (same shape or empty) weighs
/// the errors. Rounds to nearest even; NaN becomes the zero point, +-Inf the ends of the range; non-finite
/// values do not take part in the fit. Throws Error(invalid_argument) for an empty matrix or an impossible
/// option (group sizes are multiples of 4 from 4 to 65,536), Error(shape_mismatch) for an importance of
/// another shape, Error(not_built) for an option that this build lacks.
QuantizedMatrix quantize(const MatrixView& weights, const AnyQuantizer& quantizer,
                         const MatrixView& importance = {});
/// Exactly the values that the kernels compute with: float(code - zero_point) * scale. `out` has q's shape,
/// or Error(shape_mismatch).
void dequantize(const QuantizedMatrix& q, const MutableMatrixView& out);

}  // namespace lowbit
