// SPDX-License-Identifier: Apache-2.0
// Quantizing and dequantizing spans of values: the scalar semantics that every kernel reproduces bit for bit,
//   code = clamp(rint(x * (1 / scale)), qmin - zero_point, qmax - zero_point) + zero_point,
// rounding to nearest even; NaN gives the zero point, +-Inf the ends of the range.
#pragma once

#include <cstdint>
#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/qparams.h"

namespace lowbit {

/// Throws Error(shape_mismatch) when the sizes differ, Error(invalid_argument) when the scale is not a
/// positive normal number, the zero point is not one of the codes, or the codes are too many (more than 16
/// bits) or do not fit the type of `out`.
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int32_t> out);
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int8_t> out);
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::uint8_t> out);

/// The same with another rounding of x * (1 / scale). Stochastic: x[i] goes up or down by `seed` and i.
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int32_t> out,
              Rounding rounding, std::uint64_t seed = 0);
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int8_t> out,
              Rounding rounding, std::uint64_t seed = 0);
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::uint8_t> out,
              Rounding rounding, std::uint64_t seed = 0);

/// out = float(code - zero_point) * scale. Throws Error(shape_mismatch) when the sizes differ.
void dequantize(std::span<const std::int32_t> codes, QParams q, std::span<float> out);
void dequantize(std::span<const std::int8_t> codes, QParams q, std::span<float> out);
void dequantize(std::span<const std::uint8_t> codes, QParams q, std::span<float> out);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/quantize-inl.h"
#endif
