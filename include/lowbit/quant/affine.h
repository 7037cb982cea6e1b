// Affine: uniform quantization, real = scale * (code - zero_point), with 2 to 8 bits; symmetric (zero_point
// 0) or asymmetric with an integer zero point; range by min-max or by a search for the least squared error.
// Rounding is to nearest, ties to even. Jacob et al., "Quantization and Training of Neural Networks for
// Efficient Integer-Arithmetic-Only Inference", CVPR 2018.
#pragma once

#include <span>

#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"
#include "lowbit/quant/groups.h"

namespace lowbit {

namespace detail {
AffineGroup fit_affine(std::span<const float> values, std::span<const float> importance, int bits,
                       Mapping mapping, Clip clip);
}  // namespace detail

/// Options of a uniform quantizer. Symmetric codes are in [-(2^(Bits-1)-1), 2^(Bits-1)-1] (narrow range).
template <int Bits>
requires(Bits >= 2 && Bits <= 8) struct Affine {
  Granularity granularity = per_channel();
  Mapping mapping = Mapping::symmetric;
  Clip clip = Clip::minmax;

  static constexpr int code_bits() { return Bits; }
  AffineGroup fit(std::span<const float> values, std::span<const float> importance = {}) const {
    return detail::fit_affine(values, importance, Bits, mapping, clip);
  }
};

}  // namespace lowbit
