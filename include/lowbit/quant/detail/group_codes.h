// SPDX-License-Identifier: Apache-2.0
// From what a quantizer's fit returned for a group to the codes that are stored: checks, formats and the
// assignment of codes to values, one overload for each type in groups.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/quant/detail/level_search.h"
#include "lowbit/quant/detail/rounding_modes.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {
struct QuantizedMatrix;
}

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

/// Throws Error(invalid_argument): what a quantizer returned is checked, since it may be the user's own.
/// `bits`: code_bits() of the quantizer.
void check_fit(const AnyGroup& fit, int bits);
void check_fit(const AffineGroup& fit, int bits);
void check_fit(const ScaleGroup& fit, int bits);
void check_fit(const LutGroup& fit, int bits);
void check_fit(const TernaryGroup& fit, int bits);
void check_fit(const BinaryGroup& fit, int bits);

/// The packed format of groups of this type.
WeightFormat format_of(const AnyGroup& fit, int bits);

/// Codes of one row on their way into a QuantizedMatrix.
class GroupWriter {
 public:
  /// `quantizer` is bound. Sizes the vectors of `q`, whose rows, cols and granularity are set. `ranges`,
  /// where not null, gets the range of what each group can represent.
  GroupWriter(const AnyQuantizer& quantizer, const AnyGroup& first, QuantizedMatrix& q,
              std::vector<Range>* ranges);

  /// Quantizes `values`, which are group `group` of row `row`, writing codes (one a byte) to `out`.
  void write(const AnyGroup& fit, std::int64_t row, std::int64_t group, std::span<const float> values,
             std::uint8_t* out);
  /// The same for all groups of row `row` at once, with the same codes.
  void write_row(const RangeFits& fits, std::int64_t row, std::span<const float> values, std::uint8_t* out);
  /// Behind the last row: drops what is the same everywhere.
  void finish();

 private:
  /// How values become stored codes: scaled by the inverse of the scale, rounded, clamped, zero point added.
  struct AffineCodes {
    float scale, offset;
    std::int32_t zero;
    CodeMap map;
    Range range() const {
      return {(map.range.lo - 0.5f) * scale + offset, (map.range.hi + 0.5f) * scale + offset};
    }
  };
  AffineCodes affine_codes(const AffineGroup& g) const;
  void store(const AffineCodes& codes);
  void store_scale(float scale, Range range);
  void start(std::int64_t row, std::int64_t group);
  void put(const AffineGroup& g, std::span<const float> values, std::uint8_t* out);
  void put(const ScaleGroup& g, std::span<const float> values, std::uint8_t* out);
  void put(const LutGroup& g, std::span<const float> values, std::uint8_t* out);
  void put(const TernaryGroup& g, std::span<const float> values, std::uint8_t* out);
  void put(const BinaryGroup& g, std::span<const float> values, std::uint8_t* out);
  void put_row(std::span<const AffineGroup> fits, std::span<const float> values, std::uint8_t* out);
  void put_row(std::span<const ScaleGroup> fits, std::span<const float> values, std::uint8_t* out);
  static bool alike(std::span<const AffineGroup> fits);
  template <class Group>
  void store_scales(std::span<const Group> fits, std::span<float> scales) const;
  void store_zero(std::int32_t zero);
  void scale_row(std::span<const float> scales, std::span<const float> values);
  bool rounds_scales() const;
  void assign(const float* x, std::size_t count, float inverse_scale, std::uint8_t* out) const;
  kernels::CodeType code_type() const;
  float stored_scale(float scale) const;
  float stored_offset(float offset) const;
  void put_table(std::span<const float> levels);

  const AnyQuantizer& quantizer_;
  QuantizedMatrix& q_;
  std::vector<Range>* ranges_;
  std::size_t type_, entry_ = 0, row_ = 0;
  std::uint64_t place_ = 0;  ///< of the group's first value in the matrix, row by row
  LevelSearch shared_;
  Range shared_levels_;
  std::vector<float> scaled_, inverse_scales_;  ///< a row times the inverse scales of its groups, and these
  std::vector<std::int32_t> zero_points_;       ///< of each value of a row
};

}  // namespace lowbit::detail
LOWBIT_END_EXACT

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/group_codes-inl.h"
#include "lowbit/quant/detail/group_codes_row-inl.h"
#endif
