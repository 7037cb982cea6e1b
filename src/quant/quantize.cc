#include "lowbit/quant/quantize.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "quant/quantize_span.h"
#include "quant/rounding.h"

namespace lowbit {
namespace detail {

void check_sizes(std::size_t in, std::size_t out) {
  if (in != out)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{} elements cannot be written to a span of {}", in, out));
}

void check_codes(QParams q, IntRange codes, std::int64_t least, std::int64_t most) {
  if (!std::isnormal(q.scale) || q.scale < 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a scale is a positive normal number, not {}", q.scale));
  const auto width = std::int64_t{codes.qmax} - codes.qmin;
  if (width < 1 || width > 65535 || codes.qmin < least || codes.qmax > most)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("codes from {} to {} do not fit 16 bits and the type of the output", codes.qmin,
                            codes.qmax));
  if (q.zero_point < codes.qmin || q.zero_point > codes.qmax)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the zero point {} is not one of the codes from {} to {}", q.zero_point,
                            codes.qmin, codes.qmax));
}

}  // namespace detail
namespace {

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

}  // namespace

void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int32_t> out) {
  quantize_span(x, q, codes, out);
}
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int8_t> out) {
  quantize_span(x, q, codes, out);
}
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::uint8_t> out) {
  quantize_span(x, q, codes, out);
}

void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int32_t> out,
              Rounding rounding, std::uint64_t seed) {
  quantize_span(x, q, codes, out, rounding, seed);
}
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::int8_t> out,
              Rounding rounding, std::uint64_t seed) {
  quantize_span(x, q, codes, out, rounding, seed);
}
void quantize(std::span<const float> x, QParams q, IntRange codes, std::span<std::uint8_t> out,
              Rounding rounding, std::uint64_t seed) {
  quantize_span(x, q, codes, out, rounding, seed);
}

void dequantize(std::span<const std::int32_t> codes, QParams q, std::span<float> out) {
  dequantize_span(codes, q, out);
}
void dequantize(std::span<const std::int8_t> codes, QParams q, std::span<float> out) {
  dequantize_span(codes, q, out);
}
void dequantize(std::span<const std::uint8_t> codes, QParams q, std::span<float> out) {
  dequantize_span(codes, q, out);
}

}  // namespace lowbit
