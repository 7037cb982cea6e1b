// SPDX-License-Identifier: Apache-2.0
// Affine: uniform quantization, real = scale * (code - zero_point) + offset, with 2 to 8 bits. Rounding is to
// nearest, ties to even, unless another is asked for. Jacob et al., "Quantization and Training of Neural
// Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018.
//
//   symmetric         zero point 0, signed codes
//   asymmetric        an integer zero point, unsigned codes; the range is widened to contain zero, which is
//                     exactly a level
//   asymmetric_real   a real offset, the level of code 0, unsigned codes with zero point 0; levels may
//                     straddle zero or all be far from it, nothing is widened
//
// The range that the levels span is chosen by one of
//
//   minmax       the values' own range
//   mse          a search for the least squared error, weighted by importance where that is given (the others
//                ignore importance); never worse than minmax
//   percentile   symmetric: [-m, m] with m the `percentile` / 100 quantile of |x|; otherwise the central
//                `percentile` % of the values, from the quantile (1 - percentile / 100) / 2 to the quantile
//                (1 + percentile / 100) / 2. The quantile q of n sorted values is at position q (n - 1), by
//                linear interpolation between neighbours. Where that range has no width, minmax
//   aciq         mean -+ alpha, not beyond the values' own range, where alpha is the closed form that
//                minimizes the expected squared error if values are Gaussian or Laplacian, whichever of the
//                two is likelier to give such values; for symmetric, moments are those about zero. Banner,
//                Nahshan, Soudry, "Post Training 4-bit Quantization of Convolutional Networks for
//                Rapid-Deployment", NeurIPS 2019
//
// Non-finite values are skipped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"
#include "lowbit/quant/groups.h"

namespace lowbit {

namespace detail {
AffineGroup fit_affine(std::span<const float> values, std::span<const float> importance, int bits,
                       Mapping mapping, Clip clip, float percentile = 99.9f, bool narrow = true);
AffineGroup fit_affine(Range range, int bits, Mapping mapping, bool narrow);
}  // namespace detail

/// Options of a uniform quantizer. `fit` throws Error(invalid_argument) for an impossible percentile,
/// Error(shape_mismatch) for importance of another length. The MSE clip counts errors of rounding to even,
/// whatever the rounding is. Stochastic rounding takes the same way at the same place of every matrix of one
/// seed.
template <int Bits>
requires(Bits >= 2 && Bits <= 8) struct Affine {
  Granularity granularity = per_channel();
  Mapping mapping = Mapping::symmetric;
  Clip clip = Clip::minmax;
  float percentile = 99.9f;  ///< for Clip::percentile; above 0, at most 100
  bool narrow =
      true;  ///< symmetric codes are in [-(2^(Bits-1)-1), 2^(Bits-1)-1]; else from -2^(Bits-1) on,
             ///< in steps of max|w| / (2^(Bits-1) - 1/2): the largest weight is clipped by half a step
  Rounding rounding = Rounding::half_to_even;
  std::uint64_t seed = 0;  ///< for Rounding::stochastic

  static constexpr int code_bits() { return Bits; }
  AffineGroup fit(std::span<const float> values, std::span<const float> importance = {}) const {
    AffineGroup group = detail::fit_affine(values, importance, Bits, mapping, clip, percentile, narrow);
    return rounded(group);
  }
  /// What fit returns for values in this range; nothing where clipping asks for more than their range.
  std::optional<AffineGroup> fit_range(Range range) const {
    if (clip != Clip::minmax) return std::nullopt;
    return rounded(detail::fit_affine(range, Bits, mapping, narrow));
  }

 private:
  AffineGroup rounded(AffineGroup group) const {
    group.rounding = rounding;
    group.seed = seed;
    return group;
  }
};

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/affine-inl.h"
#endif
