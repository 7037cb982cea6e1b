// SPDX-License-Identifier: Apache-2.0
// Requantization: from the sums of an integer product to the codes of the next layer. With a float scale the
// real multiplier scale_a * scale_w / scale_out is rounded to a float once; then, as in the kernels'
// epilogue,
//   code = rint(clamp(float(acc) * multiplier + addend, lo, hi)) + zero_point,
// a multiplication, an addition (never fused) and one rounding to nearest even. With a fixed-point multiplier
// (fixed_point.h) it is done by integers alone.
#pragma once

#include <concepts>
#include <cstdint>
#include <ranges>
#include <span>
#include <type_traits>

#include "lowbit/core/config.h"
#include "lowbit/core/element_type.h"
#include "lowbit/core/qparams.h"
#include "lowbit/quant/fixed_point.h"

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
std::int32_t requantize(std::int64_t accumulator, const Requantization& r) noexcept;

/// Integers that a callee writes: u8, s8, s16 or s32, from a span or a vector of them.
struct MutableCodes {
  void* data = nullptr;
  std::size_t size = 0;
  ElementType type = ElementType::u8;

  template <std::ranges::contiguous_range R>
  requires std::ranges::sized_range<R> MutableCodes(R&& codes)
      : data(std::ranges::data(codes)), size(std::ranges::size(codes)) {
    using T = std::remove_pointer_t<decltype(std::ranges::data(codes))>;
    static_assert(std::same_as<T, std::uint8_t> || std::same_as<T, std::int8_t> ||
                      std::same_as<T, std::int16_t> || std::same_as<T, std::int32_t>,
                  "codes are std::uint8_t, std::int8_t, std::int16_t or std::int32_t");
    type = std::same_as<T, std::uint8_t>   ? ElementType::u8
           : std::same_as<T, std::int8_t>  ? ElementType::i8
           : std::same_as<T, std::int16_t> ? ElementType::i16
                                           : ElementType::i32;
  }
};

/// Many: sum i belongs to channel i / inner % channels.size(), so that with `inner` 1 the channels of a pixel
/// or the columns of a row lie side by side; planes of H x W have an `inner` of H * W. One channel is for
/// all. Throws Error(shape_mismatch) when the sizes differ or rows are not whole, Error(invalid_argument)
/// when a channel's codes are not among those of `out`, and as check_fixed_point does.
void requantize(std::span<const std::int32_t> sums, std::span<const Requantization> channels,
                MutableCodes out, std::size_t inner = 1);
void requantize(std::span<const std::int64_t> sums, std::span<const Requantization> channels,
                MutableCodes out, std::size_t inner = 1);
void requantize(std::span<const std::int32_t> sums, std::span<const FixedPointRequantization> channels,
                MutableCodes out, std::size_t inner = 1);
void requantize(std::span<const std::int64_t> sums, std::span<const FixedPointRequantization> channels,
                MutableCodes out, std::size_t inner = 1);
inline void requantize(std::span<const std::int32_t> sums, const Requantization& r, MutableCodes out) {
  requantize(sums, std::span(&r, 1), out);
}
inline void requantize(std::span<const std::int32_t> sums, const FixedPointRequantization& r,
                       MutableCodes out) {
  requantize(sums, std::span(&r, 1), out);
}

/// Throws Error(invalid_argument) unless the codes of every channel are among those of `type`.
void check_requantization(std::span<const Requantization> channels, ElementType type);
void check_requantization(std::span<const FixedPointRequantization> channels, ElementType type);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/requantize-inl.h"
#endif
