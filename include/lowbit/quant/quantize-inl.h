// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/quantize_span.h"
#include "lowbit/quant/detail/rounding_modes.h"
#include "lowbit/quant/quantize.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail {

LOWBIT_INLINE void check_sizes(std::size_t in, std::size_t out) {
  if (in != out)
    detail::throw_error(ErrorCode::shape_mismatch,
                        detail::sentence("{} elements cannot be written to a span of {}", in, out));
}

LOWBIT_INLINE void check_codes(QParams q, IntRange codes, std::int64_t least, std::int64_t most) {
  if (!std::isnormal(q.scale) || q.scale < 0)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("a scale is a positive normal number, not {}", q.scale));
  const auto width = std::int64_t{codes.qmax} - codes.qmin;
  if (width < 1 || width > 65535 || codes.qmin < least || codes.qmax > most)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("codes from {} to {} do not fit 16 bits and the type of the output",
                                         codes.qmin, codes.qmax));
  if (q.zero_point < codes.qmin || q.zero_point > codes.qmax)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("the zero point {} is not one of the codes from {} to {}",
                                         q.zero_point, codes.qmin, codes.qmax));
}

}  // namespace detail
namespace detail::spans {

template <class T>
void quantize_span(std::span<const float> x, QParams q, IntRange codes, std::span<T> out,
                   Rounding rounding = Rounding::half_to_even, std::uint64_t seed = 0) {
  detail::check_spans<T>(x.size(), out.size(), q, codes);
  const detail::CodeMap map(q, codes);
  T* codes_out = out.data();
  if (rounding == Rounding::half_to_even) {
    for (std::size_t i = 0; i < x.size(); ++i) codes_out[i] = static_cast<T>(map.code(x[i]));
    return;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float steps = detail::round_as(rounding, map.clamped(x[i]), seed, i);
    codes_out[i] = static_cast<T>(static_cast<std::int32_t>(steps) + q.zero_point);
  }
}

template <class T>
void dequantize_span(std::span<const T> codes, QParams q, std::span<float> out) {
  detail::check_sizes(codes.size(), out.size());
  // Through int64: hostile codes and zero points must not overflow.
  for (std::size_t i = 0; i < codes.size(); ++i)
    out[i] = static_cast<float>(std::int64_t{codes[i]} - q.zero_point) * q.scale;
}

}  // namespace detail::spans

LOWBIT_INLINE void quantize(std::span<const float> x, QParams q, IntRange codes,
                            std::span<std::int32_t> out) {
  detail::spans::quantize_span(x, q, codes, out);
}
LOWBIT_INLINE void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int8_t> out) {
  detail::spans::quantize_span(x, q, codes, out);
}
LOWBIT_INLINE void quantize(std::span<const float> x, QParams q, IntRange codes,
                            std::span<std::uint8_t> out) {
  detail::spans::quantize_span(x, q, codes, out);
}

LOWBIT_INLINE void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int32_t> out,
                            Rounding rounding, std::uint64_t seed) {
  detail::spans::quantize_span(x, q, codes, out, rounding, seed);
}
LOWBIT_INLINE void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int8_t> out,
                            Rounding rounding, std::uint64_t seed) {
  detail::spans::quantize_span(x, q, codes, out, rounding, seed);
}
LOWBIT_INLINE void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::uint8_t> out,
                            Rounding rounding, std::uint64_t seed) {
  detail::spans::quantize_span(x, q, codes, out, rounding, seed);
}

LOWBIT_INLINE void dequantize(std::span<const std::int32_t> codes, QParams q, std::span<float> out) {
  detail::spans::dequantize_span(codes, q, out);
}
LOWBIT_INLINE void dequantize(std::span<const std::int8_t> codes, QParams q, std::span<float> out) {
  detail::spans::dequantize_span(codes, q, out);
}
LOWBIT_INLINE void dequantize(std::span<const std::uint8_t> codes, QParams q, std::span<float> out) {
  detail::spans::dequantize_span(codes, q, out);
}

}  // namespace lowbit
LOWBIT_END_EXACT
