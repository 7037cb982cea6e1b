// SPDX-License-Identifier: Apache-2.0
// Conversion of numbers between the element types of ONNX, by the rules of its operator Cast (opset 25).
//
//   from       to              becomes
//   float      float           the nearest value, ties to the even mantissa, rounded once; beyond the largest
//                              one infinity, but in types of 8 and 4 bits as below
//   float      integer         its integer part, limited to 64 bits, then wrapped around if it does not fit;
//                              NaN is 0 (ONNX leaves both open)
//   integer    integer         the low bits: what does not fit wraps around
//   integer    float           the nearest value, as from a float
//   any        bool            whether it is not 0; NaN is not. A bool is 0 or 1 to all types
//
//              beyond the largest value, and infinity           NaN
//              saturate          not                            (E4M3FN and E5M2 keep the sign)
//   f8e4m3fn   largest           NaN                            0x7F
//   f8e5m2     largest           infinity                       0x7E
//   f8e*fnuz   largest           NaN                            0x80, and -0 is 0
//   f4e2m1     largest           largest                        0x8, -0: the type has none
//   f8e8m0     2^127             NaN                            0xFF
//   f8e8m0, 0 and below 2^-127: 2^-127, or NaN without `saturate`; negative numbers are NaN
//
// What is read as NaN is every code of one. ONNX's pages and its code differ in places: where its tests say
// something, it is that; docs/number-formats.md lists them.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <type_traits>

#include "lowbit/core/config.h"
#include "lowbit/core/element_type.h"

namespace lowbit {

/// How a number that is no power of two becomes one: f8e8m0 alone asks.
enum class ScaleRounding : std::uint8_t {
  up,       ///< the next larger one
  down,     ///< the next smaller one
  nearest,  ///< halfway the larger one; between 2^-127 and 2^-126 the latter (minifloat.h)
};

struct CastOptions {
  bool saturate = true;  ///< of floats of 8 bits alone
  ScaleRounding round_mode = ScaleRounding::up;
};

/// A number of a type that C++ lacks, by its bits.
template <ElementType kElement, class Bits>
struct NumberBits {
  static constexpr ElementType element = kElement;
  Bits bits = 0;
  friend bool operator==(NumberBits, NumberBits) = default;
};
using Float16 = NumberBits<ElementType::f16, std::uint16_t>;
using BFloat16 = NumberBits<ElementType::bf16, std::uint16_t>;
using Float8E4M3FN = NumberBits<ElementType::f8e4m3fn, std::uint8_t>;
using Float8E4M3FNUZ = NumberBits<ElementType::f8e4m3fnuz, std::uint8_t>;
using Float8E5M2 = NumberBits<ElementType::f8e5m2, std::uint8_t>;
using Float8E5M2FNUZ = NumberBits<ElementType::f8e5m2fnuz, std::uint8_t>;
using Float8E8M0 = NumberBits<ElementType::f8e8m0, std::uint8_t>;

/// A byte of two or four numbers, the first one in the low bits, as ONNX packs them.
using Float4E2M1x2 = NumberBits<ElementType::f4e2m1, std::uint8_t>;
using Int4x2 = NumberBits<ElementType::i4, std::uint8_t>;
using UInt4x2 = NumberBits<ElementType::u4, std::uint8_t>;
using Int2x4 = NumberBits<ElementType::i2, std::uint8_t>;
using UInt2x4 = NumberBits<ElementType::u2, std::uint8_t>;

namespace detail {

template <class T>
constexpr ElementType integer_element() {
  constexpr bool kSigned = std::is_signed_v<T>;
  if constexpr (sizeof(T) == 1) return kSigned ? ElementType::i8 : ElementType::u8;
  if constexpr (sizeof(T) == 2) return kSigned ? ElementType::i16 : ElementType::u16;
  if constexpr (sizeof(T) == 4) return kSigned ? ElementType::i32 : ElementType::u32;
  return kSigned ? ElementType::i64 : ElementType::u64;
}

template <class T>
inline constexpr bool kIsInteger = std::integral<T> && sizeof(T) <= 8;
template <class T>
inline constexpr bool kIsNumberBits = false;
template <ElementType kElement, class Bits>
inline constexpr bool kIsNumberBits<NumberBits<kElement, Bits>> = true;

}  // namespace detail

/// The types that are cast: float, double, bool, integers of 8 to 64 bits and the ones above.
template <class T>
concept Number =
    std::same_as<T, float> || std::same_as<T, double> || detail::kIsNumberBits<T> || detail::kIsInteger<T>;

template <Number T>
constexpr ElementType element_of() {
  if constexpr (std::same_as<T, float>)
    return ElementType::f32;
  else if constexpr (std::same_as<T, double>)
    return ElementType::f64;
  else if constexpr (std::same_as<T, bool>)
    return ElementType::boolean;
  else if constexpr (std::integral<T>)
    return detail::integer_element<T>();
  else
    return T::element;
}

/// out[i] = in[i], of arrays as ONNX's raw data has them: little-endian, types of 4 and 2 bits packed, bool a
/// byte. Unused bits of the last byte become 0. Throws Error(shape_mismatch) unless `in` has
/// element_bytes(from, count) bytes and `out` element_bytes(to, count). They must not overlap.
void cast(ElementType from, std::span<const std::byte> in, ElementType to, std::span<std::byte> out,
          std::size_t count, const CastOptions& options = {});

/// The same of arrays of numbers:
///
///     std::vector<Int4x2> codes(lowbit::element_bytes(ElementType::i4, x.size()));
///     lowbit::cast(x, codes);
///
/// Both have as many elements; of packed ones as many bytes as these take.
template <std::ranges::contiguous_range In, std::ranges::contiguous_range Out>
requires Number<std::ranges::range_value_t<In>> && Number<std::ranges::range_value_t<Out>>
void cast(const In& in, Out&& out, const CastOptions& options = {}) {
  constexpr ElementType kFrom = element_of<std::ranges::range_value_t<In>>();
  constexpr ElementType kTo = element_of<std::ranges::range_value_t<Out>>();
  const auto places = [](ElementType type, std::size_t size) {
    return element_bits(type) < 8 ? size * static_cast<std::size_t>(8 / element_bits(type)) : size;
  };
  const std::span from(std::ranges::data(in), std::ranges::size(in));
  const std::span to(std::ranges::data(out), std::ranges::size(out));
  // Packed arrays may have room for more elements than the other one has.
  const std::size_t read = places(kFrom, from.size()), written = places(kTo, to.size());
  const std::size_t count = element_bits(kFrom) >= 8 ? read
                            : element_bits(kTo) >= 8 ? written
                                                     : std::min(read, written);
  cast(kFrom, std::as_bytes(from), kTo, std::as_writable_bytes(to), count, options);
}

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/cast-inl.h"
#endif
