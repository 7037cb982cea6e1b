// Requantization: from the int32 accumulator of an integer product to the codes of the next layer. The real
// multiplier scale_a * scale_w / scale_out is rounded to a float once; then, as in the kernels' epilogue,
//   code = rint(clamp(float(acc) * multiplier + addend, lo, hi)) + zero_point,
// a multiplication, an addition (never fused) and one rounding to nearest even.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/qparams.h"

namespace lowbit {

/// What one output channel needs. `addend` is in steps of the output: bias / scale_out.
struct Requantization {
  float multiplier = 1.0f;
  float addend = 0.0f;
  float lo = -128.0f, hi = 127.0f;  ///< qmin - zero_point and qmax - zero_point
  std::int32_t zero_point = 0;

  friend bool operator==(const Requantization&, const Requantization&) = default;
};

/// Computed in double, rounded once. Throws Error(invalid_argument) when a scale is not positive and finite,
/// the multiplier is not, or the output's zero point is not one of its codes.
Requantization make_requantization(float scale_a, float scale_w, QParams out, IntRange codes,
                                   float bias = 0.0f);

/// One accumulator.
std::int32_t requantize(std::int32_t accumulator, const Requantization& r) noexcept;
/// Many, to u8 codes. Throws Error(shape_mismatch) when the sizes differ, Error(invalid_argument) when the
/// codes are not in [0, 255].
void requantize(std::span<const std::int32_t> accumulators, const Requantization& r,
                std::span<std::uint8_t> out);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/requantize-inl.h"
#endif
