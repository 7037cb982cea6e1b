// SPDX-License-Identifier: Apache-2.0
// Small floats as weights (minifloat.h), with a scale for a tensor, channel or block.
//
// Fp8: E4M3 or E5M2; the largest magnitude of a group meets the largest float.
// MxFp (of FP8, FP6 or FP4), MxInt8: blocks of 32 that share a power of two, 2^(floor(log2(largest
// magnitude)) - e), e the exponent of the element type's largest value. OCP Microscaling Formats (MX)
// Specification v1.0. NvFp4: FP4 in blocks of 16, whose scales are E4M3 times one float for the matrix.
// NVIDIA, 2024.
#pragma once

#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/minifloat.h"
#include "lowbit/quant/groups.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {

namespace detail {
/// Decoded codes of `format`; 0 where that is not finite.
std::vector<float> finite_table(MiniFloat format);
ScaleGroup fit_minifloat(Range range, MiniFloat format);
/// `exponent`: that of the element type's largest value.
float fit_power_of_two(Range range, int exponent);
}  // namespace detail

/// fp8_e4m3fn or fp8_e5m2, or one of the narrower formats. Values beyond the largest become it; NaN becomes
/// 0.
struct Fp8 {
  MiniFloat element = MiniFloat::fp8_e4m3fn;
  Granularity granularity = per_channel();

  int code_bits() const { return minifloat::bits(element); }
  MiniFloat minifloat() const { return element; }
  std::vector<float> levels() const { return detail::finite_table(element); }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const { return detail::fit_minifloat(range, element); }
};

/// MX blocks of minifloats.
struct MxFp {
  MiniFloat element = MiniFloat::fp4_e2m1;  ///< any but e8m0
  Granularity granularity = per_group(32);

  int code_bits() const { return minifloat::bits(element); }
  static constexpr double scale_bits() { return 8; }
  MiniFloat minifloat() const { return element; }
  std::vector<float> levels() const { return detail::finite_table(element); }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const;
};

/// MX blocks of 8-bit integers: code / 64 times the power of two, codes -127 to 127.
struct MxInt8 {
  Granularity granularity = per_group(32);

  static constexpr int code_bits() { return 8; }
  static constexpr double scale_bits() { return 8; }
  AffineGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  AffineGroup fit_range(Range range) const {
    return {detail::fit_power_of_two(range, 0) / 64.0f, 0, -127, 127};
  }
};

/// Blocks of 16.
struct NvFp4 {
  Granularity granularity = per_group(16);
  float matrix_scale =
      0.0f;  ///< the matrix's float; 0: found by quantize(), and 1 where `fit` is called alone

  static constexpr int code_bits() { return 4; }
  static constexpr double scale_bits() { return 8; }
  static constexpr MiniFloat minifloat() { return MiniFloat::fp4_e2m1; }
  std::vector<float> levels() const { return detail::finite_table(minifloat()); }
  ScaleGroup fit(std::span<const float> values, std::span<const float> = {}) const {
    return fit_range(finite_range(values));
  }
  ScaleGroup fit_range(Range range) const;
  AnyQuantizer bind(const MatrixView& weights, const MatrixView& importance) const;
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/block_float-inl.h"
#endif
