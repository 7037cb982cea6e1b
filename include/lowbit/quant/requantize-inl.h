// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/rounding_modes.h"
#include "lowbit/quant/requantize.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::requantization {

struct CodeLimits {
  double min, max;
};

inline CodeLimits limits_of(ElementType type) {
  switch (type) {
    case ElementType::u8:
      return {0, 255};
    case ElementType::i8:
      return {-128, 127};
    case ElementType::i16:
      return {-32768, 32767};
    default:
      return {-2147483648.0, 2147483647.0};
  }
}

inline void check_channel(ElementType type, double lo, double hi, std::size_t channel) {
  const CodeLimits limits = limits_of(type);
  // The ends of s32 are no floats: codes end there anyway.
  const bool fits = type == ElementType::i32 || (lo >= limits.min && hi <= limits.max);
  if (!(fits && lo <= hi))
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("codes from {} to {} of channel {} are not {}", lo, hi, channel,
                                         element_name(type)));
}

/// Nearest integer, ties to even, of any size.
inline float round_any(float x) {
  const float whole = x < 0.0f ? -8388608.0f : 8388608.0f;  // from here on floats are integers
  return x > -8388608.0f && x < 8388608.0f ? (x + whole) - whole : x;
}

inline void check_sizes(std::size_t sums, std::size_t channels, const MutableCodes& out, std::size_t inner) {
  if (sums != out.size)
    detail::throw_error(
        ErrorCode::shape_mismatch,
        detail::sentence("{} accumulators cannot be written to a span of {}", sums, out.size));
  if (channels == 0 || inner == 0)
    detail::throw_error(ErrorCode::invalid_argument,
                        "a requantization has no channels, or an inner size of 0");
  if (channels > 1 && (sums % channels != 0 || sums / channels % inner != 0))
    detail::throw_error(ErrorCode::shape_mismatch,
                        detail::sentence("{} accumulators are not whole rows of {} channels times {}", sums,
                                         channels, inner));
}

/// Of 32 or 64 bits: compilers vectorize the first.
template <class Sum>
std::int32_t code_of(Sum sum, const Requantization& r) {
  float f = static_cast<float>(sum) * r.multiplier;
  f = f + r.addend;
  f = f < r.lo ? r.lo : f;
  f = f > r.hi ? r.hi : f;
  const std::int64_t code = static_cast<std::int64_t>(round_any(f)) + r.zero_point;
  constexpr std::int64_t kMin = -2147483648, kMax = 2147483647;
  return static_cast<std::int32_t>(code < kMin ? kMin : code > kMax ? kMax : code);
}
template <class Sum>
std::int32_t code_of(Sum sum, const FixedPointRequantization& r) {
  return lowbit::requantize(std::int64_t{sum}, r);
}

template <class Code, class Sum, class Channel>
void all(std::span<const Sum> sums, std::span<const Channel> channels, void* to, std::size_t inner) {
  auto* out = static_cast<Code*>(to);
  if (channels.size() == 1) inner = sums.size();
  for (std::size_t i = 0, c = 0; i < sums.size(); c = c + 1 < channels.size() ? c + 1 : 0) {
    const Channel channel = channels[c];  // a copy that `out` cannot alias
    for (const std::size_t end = i + inner; i < end; ++i)
      out[i] = static_cast<Code>(code_of(sums[i], channel));
  }
}

template <class Sum, class Channel>
void to_codes(std::span<const Sum> sums, std::span<const Channel> channels, const MutableCodes& out,
              std::size_t inner) {
  check_sizes(sums.size(), channels.size(), out, inner);
  lowbit::check_requantization(channels, out.type);
  switch (out.type) {
    case ElementType::u8:
      return all<std::uint8_t>(sums, channels, out.data, inner);
    case ElementType::i8:
      return all<std::int8_t>(sums, channels, out.data, inner);
    case ElementType::i16:
      return all<std::int16_t>(sums, channels, out.data, inner);
    default:
      return all<std::int32_t>(sums, channels, out.data, inner);
  }
}

}  // namespace detail::requantization

LOWBIT_INLINE Requantization make_requantization(float scale_a, float scale_w, QParams out, IntRange codes,
                                                 float bias) {
  for (const float scale : {scale_a, scale_w, out.scale})
    if (!std::isfinite(scale) || scale <= 0.0f)
      detail::throw_error(ErrorCode::invalid_argument,
                          detail::sentence("a scale is positive and finite, not {}", scale));
  if (codes.qmin >= codes.qmax || out.zero_point < codes.qmin || out.zero_point > codes.qmax)
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("the zero point {} is not one of the codes from {} to {}",
                                         out.zero_point, codes.qmin, codes.qmax));
  const auto multiplier = static_cast<float>(double(scale_a) * double(scale_w) / double(out.scale));
  const auto addend = static_cast<float>(double(bias) / double(out.scale));
  if (!std::isfinite(multiplier) || !std::isfinite(addend))
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("scales {} and {} with bias {} do not fit an output scale of {}",
                                         scale_a, scale_w, bias, out.scale));
  const auto steps = [&](std::int32_t code) { return static_cast<float>(double(code) - out.zero_point); };
  return {multiplier, addend, steps(codes.qmin), steps(codes.qmax), out.zero_point};
}

LOWBIT_INLINE std::int32_t requantize(std::int64_t accumulator, const Requantization& r) noexcept {
  return detail::requantization::code_of(accumulator, r);
}

LOWBIT_INLINE void check_requantization(std::span<const Requantization> channels, ElementType type) {
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const Requantization& r = channels[c];
    if (!std::isfinite(r.multiplier) || !std::isfinite(r.addend))
      detail::throw_error(ErrorCode::invalid_argument,
                          detail::sentence("the multiplier {} or the addend {} of channel {} is not finite",
                                           r.multiplier, r.addend, c));
    detail::requantization::check_channel(type, double(r.lo) + r.zero_point, double(r.hi) + r.zero_point, c);
  }
}

LOWBIT_INLINE void check_requantization(std::span<const FixedPointRequantization> channels,
                                        ElementType type) {
  check_fixed_point(channels);
  for (std::size_t c = 0; c < channels.size(); ++c)
    detail::requantization::check_channel(type, channels[c].qmin, channels[c].qmax, c);
}

LOWBIT_INLINE void requantize(std::span<const std::int32_t> sums, std::span<const Requantization> channels,
                              MutableCodes out, std::size_t inner) {
  detail::requantization::to_codes(sums, channels, out, inner);
}
LOWBIT_INLINE void requantize(std::span<const std::int64_t> sums, std::span<const Requantization> channels,
                              MutableCodes out, std::size_t inner) {
  detail::requantization::to_codes(sums, channels, out, inner);
}
LOWBIT_INLINE void requantize(std::span<const std::int32_t> sums,
                              std::span<const FixedPointRequantization> channels, MutableCodes out,
                              std::size_t inner) {
  detail::requantization::to_codes(sums, channels, out, inner);
}
LOWBIT_INLINE void requantize(std::span<const std::int64_t> sums,
                              std::span<const FixedPointRequantization> channels, MutableCodes out,
                              std::size_t inner) {
  detail::requantization::to_codes(sums, channels, out, inner);
}

}  // namespace lowbit
LOWBIT_END_EXACT
