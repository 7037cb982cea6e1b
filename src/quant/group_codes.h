// From what a quantizer's fit returned for a group to the codes that are stored: checks, formats and the
// assignment of codes to values, one overload for each type in groups.h.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/core/qparams.h"
#include "lowbit/quant/quantized_matrix.h"
#include "quant/level_search.h"

namespace lowbit::detail {

/// Throws Error(invalid_argument): what a quantizer returned is checked, since it may be the user's own.
/// `bits`: code_bits() of the quantizer.
void check_fit(const AnyGroup& fit, int bits);

/// The packed format of groups of this type.
WeightFormat format_of(const AnyGroup& fit, int bits);

/// Codes of one row on their way into a QuantizedMatrix.
class GroupWriter {
 public:
  /// `quantizer` is bound. Sizes the vectors of `q`, whose rows, cols and granularity are set.
  GroupWriter(const AnyQuantizer& quantizer, const AnyGroup& first, QuantizedMatrix& q);

  /// Quantizes `values`, which are group `group` of row `row`, writing codes (one a byte) to `out`.
  void write(const AnyGroup& fit, std::int64_t row, std::int64_t group, std::span<const float> values,
             std::uint8_t* out);
  /// The range of what the group of the last call of write can represent.
  Range range() const { return range_; }
  /// Behind the last row: drops what is the same everywhere.
  void finish();

 private:
  void put(const AffineGroup& g, std::span<const float> values, std::uint8_t* out);
  void put(const ScaleGroup& g, std::span<const float> values, std::uint8_t* out);
  void put(const LutGroup& g, std::span<const float> values, std::uint8_t* out);
  void put(const TernaryGroup& g, std::span<const float> values, std::uint8_t* out);
  void put(const BinaryGroup& g, std::span<const float> values, std::uint8_t* out);
  float stored_scale(float scale) const;
  float stored_offset(float offset) const;
  void put_table(std::span<const float> levels);

  const AnyQuantizer& quantizer_;
  QuantizedMatrix& q_;
  std::size_t type_, entry_ = 0, row_ = 0;
  std::uint64_t place_ = 0;  ///< of the group's first value in the matrix, row by row
  LevelSearch shared_;
  Range shared_levels_;
  Range range_;
};

}  // namespace lowbit::detail
