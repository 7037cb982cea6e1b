// SPDX-License-Identifier: Apache-2.0
// Fixed-point requantization: from sums to codes with integers alone, as gemmlowp, TensorFlow Lite and
// CMSIS-NN do it. The real multiplier is multiplier * 2^(shift - 31); then
//   code = clamp(product(sum) + zero_point, qmin, qmax)
// where FixedPointRounding says how the product is rounded. Where TensorFlow Lite's C++ overflows, which it
// leaves undefined, values here end at the limits of int32.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"

namespace lowbit {

enum class FixedPointRounding : std::uint8_t {
  /// gemmlowp, and TensorFlow Lite and CMSIS-NN by default: the sum, shifted left if shift > 0, goes through
  /// SaturatingRoundingDoublingHighMul (the upper half of twice the product, halves up), then, if shift < 0,
  /// through RoundingDivideByPOT (halves away from zero).
  twice,
  /// Once, of the whole product, halves up: TFLITE_SINGLE_ROUNDING, CMSIS_NN_USE_SINGLE_ROUNDING.
  once,
  /// Sums of 64 bits, as with 16-bit activations: the multiplier is first rounded to 16 bits (0x7FFF at
  /// most), then once, halves up. Sums are limited to 48 bits.
  reduced,
};

/// What one output channel needs.
struct FixedPointRequantization {
  std::int32_t multiplier = 1 << 30;     ///< not negative; in [2^30, 2^31) where it comes from a real number
  std::int32_t shift = 1;                ///< to the left if positive: -31 to 30, `reduced` -31 to 14
  std::int32_t zero_point = 0;           ///< of the output
  std::int32_t qmin = -128, qmax = 127;  ///< codes of the output, or what its activation leaves of them
  FixedPointRounding rounding = FixedPointRounding::twice;

  friend bool operator==(const FixedPointRequantization&, const FixedPointRequantization&) = default;
};

/// The multiplier and the shift of a real number as TensorFlow Lite's QuantizeMultiplier has them: 31 bits,
/// halves away from zero; 0 below 2^-32. Throws Error(invalid_argument) unless 0 <= real_multiplier < 2^30
/// (`reduced`: 2^14), and for codes that are no range.
FixedPointRequantization make_fixed_point(double real_multiplier, std::int32_t zero_point, IntRange codes,
                                          FixedPointRounding rounding = FixedPointRounding::twice);
/// One for each channel, from the arrays that a converted model has. Throws Error(shape_mismatch) when they
/// differ in length, Error(invalid_argument) for what a FixedPointRequantization cannot hold.
std::vector<FixedPointRequantization> make_fixed_point(
    std::span<const std::int32_t> multipliers, std::span<const std::int32_t> shifts, std::int32_t zero_point,
    IntRange codes, FixedPointRounding rounding = FixedPointRounding::twice);

/// Throws Error(invalid_argument) naming the member that cannot be, and the channel.
void check_fixed_point(std::span<const FixedPointRequantization> channels);

/// One sum. `twice` and `once` take sums of 32 bits: others end at the limits of those.
inline std::int32_t requantize(std::int64_t sum, const FixedPointRequantization& r) noexcept;

}  // namespace lowbit

#include "lowbit/quant/detail/fixed_point_product.h"

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/fixed_point-inl.h"
#endif
