// SPDX-License-Identifier: Apache-2.0
// Reading canonical weight codes, and the one rule of what happens to zero points, shared by the packers and
// the driver.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels {
namespace {

/// Code k of stored row `row` (row j of plane p is row j * planes + p).
inline std::int32_t code_at(const WeightSpec& spec, std::size_t row, std::uint32_t k) {
  const std::uint8_t* codes = spec.codes + row * spec.row_bytes;
  switch (spec.format) {
    case WeightFormat::s8:
      return static_cast<std::int8_t>(codes[k]);
    case WeightFormat::u4:
    case WeightFormat::lut4:
      return (codes[k / 2] >> (4 * (k % 2))) & 15;
    case WeightFormat::s2:
      return (codes[k / 4] >> (2 * (k % 4))) & 3;
    case WeightFormat::b1:
      return (codes[k / 8] >> (k % 8)) & 1;
    case WeightFormat::lut8:
      return codes[k];
  }
  return 0;
}

/// Scale groups of a row; the planes of a b1 matrix are its groups, unless they are added up before.
inline std::uint32_t group_count(const WeightSpec& spec) {
  if (spec.format == WeightFormat::b1) return spec.act == ActType::f32 ? 1 : spec.planes;
  return spec.group == 0 || spec.group >= spec.k ? 1 : (spec.k + spec.group - 1) / spec.group;
}

/// Whether the weights are code - zero_point.
inline bool is_affine(const WeightSpec& spec) {
  return spec.format == WeightFormat::s8 || spec.format == WeightFormat::u4 ||
         spec.format == WeightFormat::s2;
}

inline std::int32_t zero_point_at(const WeightSpec& spec, std::uint32_t j, std::uint32_t g) {
  if (spec.zero_points) return spec.zero_points[std::size_t{j} * group_count(spec) + g];
  return spec.format == WeightFormat::u4 ? 8 : spec.format == WeightFormat::s2 ? 2 : 0;
}

/// Whether every weight fits an int8 when its zero point, one for each group, is subtracted.
inline bool weights_fit_s8(const WeightSpec& spec) {
  if (!is_affine(spec) || spec.zero_points == nullptr) return spec.format != WeightFormat::lut8;
  const std::int32_t top = spec.format == WeightFormat::u4 ? 15 : spec.format == WeightFormat::s2 ? 3 : 0;
  const std::size_t count = std::size_t{spec.n} * group_count(spec);
  for (std::size_t i = 0; i < count; ++i)
    if (spec.zero_points[i] < 0 || spec.zero_points[i] > top) return false;
  return true;
}

/// What is subtracted from the codes of row j when a one-group matrix is packed: the row's zero point if
/// every difference fits an int8 (always so for 2 and 4 bits with a zero point among the codes), else 0. In
/// the second case the zero point stays in the epilogue as PackedWeights::weight_zero_points().
inline std::int32_t folded_zero_point(const WeightSpec& spec, std::uint32_t j) {
  if (!is_affine(spec)) return 0;
  const std::int32_t z = zero_point_at(spec, j, 0);
  if (z == 0) return 0;
  if (spec.format != WeightFormat::s8 && z >= -112 && z <= 128) return z;
  for (std::uint32_t k = 0; k < spec.k; ++k) {
    const std::int32_t w = code_at(spec, j, k) - z;
    if (w < -128 || w > 127) return 0;
  }
  return z;
}

/// First code of a run within a row of the canonical matrix.
inline std::uint32_t run_start(const WeightSpec& spec, const KRun& run) {
  return run.tap * (spec.k / spec.taps) + run.offset;
}

/// The 16 int8 levels of row j of a lut4 matrix.
inline const std::int8_t* levels_of(const WeightSpec& spec, std::uint32_t j) {
  return spec.levels + (spec.levels_per_row ? std::size_t{j} * 16 : 0);
}

/// What a packer multiplies u8 activations by: reads row j of the matrix as integers.
class WeightReader {
 public:
  /// `folded` is folded_zero_point(spec, j) for a one-group matrix, and ignored for others.
  WeightReader(const WeightSpec& spec, std::uint32_t j, std::int32_t folded)
      : spec_(spec), j_(j), folded_(folded), grouped_(group_count(spec) > 1) {}

  /// Weight t of `run`.
  std::int32_t operator()(const KRun& run, std::uint32_t t) const {
    const std::uint32_t k = run_start(spec_, run) + t;
    switch (spec_.format) {
      case WeightFormat::lut4:
        return levels_of(spec_, j_)[code_at(spec_, j_, k)];
      case WeightFormat::b1:
        return code_at(spec_, std::size_t{j_} * spec_.planes + run.group, k) ? -1 : 1;
      default:
        return code_at(spec_, j_, k) - (grouped_ ? zero_point_at(spec_, j_, run.group) : folded_);
    }
  }

 private:
  const WeightSpec& spec_;
  std::uint32_t j_;
  std::int32_t folded_;
  bool grouped_;
};

}  // namespace
}  // namespace lowbit::kernels
