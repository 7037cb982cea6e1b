// SPDX-License-Identifier: Apache-2.0
// Arithmetic of integers that wraps, the ranges of their types, and rounding to types.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "arrays/arithmetic.h"
#include "lowbit/core/element_type.h"
#include "lowbit/core/half.h"

namespace lowbit::arrays {

/// What elements held as T are added and multiplied in: of integers a type whose overflow is defined.
template <class T>
using Modular = std::conditional_t<std::is_same_v<T, std::int64_t>, std::uint64_t, T>;

struct IntegerRange {
  std::int64_t low, high;
};

/// Of u64 the bits.
constexpr IntegerRange integer_range(ElementType type) {
  using Limits64 = std::numeric_limits<std::int64_t>;
  switch (type) {
    case ElementType::i8:
      return {-128, 127};
    case ElementType::i16:
      return {-32768, 32767};
    case ElementType::i32:
      return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    case ElementType::u8:
      return {0, 255};
    case ElementType::u16:
      return {0, 65535};
    case ElementType::u32:
      return {0, std::numeric_limits<std::uint32_t>::max()};
    case ElementType::u64:
      return {0, -1};
    case ElementType::boolean:
      return {0, 1};
    default:
      return {Limits64::min(), Limits64::max()};
  }
}

/// Whether operators compute in it: the others are cast and moved alone.
constexpr bool is_computed(ElementType type) {
  return type <= ElementType::boolean;
}
/// Integers of 4 and 2 bits, which a file packs and arrays hold one by one.
constexpr bool is_packed_integer(ElementType type) {
  return !is_float(type) && element_bits(type) < 8;
}

/// `v` as a float of this type, which is computed in, has it.
inline float round_to(ElementType type, float v) {
  if (type == ElementType::f16) return float16::round(v);
  return type == ElementType::bf16 ? bfloat16::round(v) : v;
}

/// A result held as T: floats are rounded, integers lose their fraction and wrap.
template <class T>
T from_double(ElementType type, double x) {
  if constexpr (std::is_same_v<T, float>)
    return static_cast<float>(x);
  else
    return wrap_to(type, truncate_to<std::int64_t>(x));
}

/// A result held as T of what was added up in Modular<T>.
template <class T>
T from_modular(ElementType type, Modular<T> x) {
  if constexpr (std::is_same_v<T, float>)
    return x;
  else
    return wrap_to(type, static_cast<std::int64_t>(x));
}

}  // namespace lowbit::arrays
