#pragma once

#include <cmath>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/rounding_modes.h"
#include "lowbit/quant/requantize.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE Requantization make_requantization(float scale_a, float scale_w, QParams out, IntRange codes,
                                                 float bias) {
  for (const float scale : {scale_a, scale_w, out.scale})
    if (!std::isfinite(scale) || scale <= 0.0f)
      throw Error(ErrorCode::invalid_argument,
                  detail::sentence("a scale is positive and finite, not {}", scale));
  if (codes.qmin >= codes.qmax || out.zero_point < codes.qmin || out.zero_point > codes.qmax)
    throw Error(ErrorCode::invalid_argument,
                detail::sentence("the zero point {} is not one of the codes from {} to {}", out.zero_point,
                                 codes.qmin, codes.qmax));
  const auto multiplier = static_cast<float>(double(scale_a) * double(scale_w) / double(out.scale));
  const auto addend = static_cast<float>(double(bias) / double(out.scale));
  if (!std::isfinite(multiplier) || !std::isfinite(addend))
    throw Error(ErrorCode::invalid_argument,
                detail::sentence("scales {} and {} with bias {} do not fit an output scale of {}", scale_a,
                                 scale_w, bias, out.scale));
  return {multiplier, addend, static_cast<float>(codes.qmin - out.zero_point),
          static_cast<float>(codes.qmax - out.zero_point), out.zero_point};
}

LOWBIT_INLINE std::int32_t requantize(std::int32_t accumulator, const Requantization& r) noexcept {
  float f = static_cast<float>(accumulator) * r.multiplier;
  f = f + r.addend;
  f = f < r.lo ? r.lo : f;
  f = f > r.hi ? r.hi : f;
  return static_cast<std::int32_t>(round_to_even(f)) + r.zero_point;
}

LOWBIT_INLINE void requantize(std::span<const std::int32_t> accumulators, const Requantization& r,
                              std::span<std::uint8_t> out) {
  if (accumulators.size() != out.size())
    throw Error(ErrorCode::shape_mismatch,
                detail::sentence("{} accumulators cannot be written to a span of {}", accumulators.size(),
                                 out.size()));
  const float zero = static_cast<float>(r.zero_point);
  if (!(r.lo + zero >= 0.0f && r.hi + zero <= 255.0f))
    throw Error(ErrorCode::invalid_argument,
                detail::sentence("codes from {} to {} are not u8", r.lo + zero, r.hi + zero));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(requantize(accumulators[i], r));
}

}  // namespace lowbit
LOWBIT_END_EXACT
