// SPDX-License-Identifier: Apache-2.0
// How elements are calculated with: floats of all widths as float, u64 as std::uint64_t, other integers and
// booleans as std::int64_t.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "lowbit/core/array.h"

namespace lowbit::arrays {

/// Calls body(T{}) for T = float, std::uint64_t or std::int64_t.
template <class Body>
decltype(auto) with_arithmetic(ElementType type, Body&& body) {
  if (is_float(type)) return body(float{});
  if (type == ElementType::u64) return body(std::uint64_t{});
  return body(std::int64_t{});
}

/// The elements of an array as T of with_arithmetic.
template <class T>
const T* elements(const ArrayView& array) {
  if constexpr (std::is_same_v<T, float>)
    return array.floats;
  else
    return reinterpret_cast<const T*>(array.integers);
}

template <class T>
T* elements(const MutableArrayView& array) {
  if constexpr (std::is_same_v<T, float>)
    return array.floats;
  else
    return reinterpret_cast<T*>(array.integers);
}

/// Makes all elements of an array of integers those of its type: what does not fit wraps around.
inline void wrap_all(const MutableArrayView& array) {
  const ElementType type = array.type.element;
  if (is_float(type) || type == ElementType::i64 || type == ElementType::u64) return;
  for (std::int64_t& v : std::span(array.integers, static_cast<std::size_t>(array.size())))
    v = wrap_to(type, v);
}

/// `v` without its fraction; the nearest number of T where that does not fit. NaN is 0.
template <class T>
T truncate_to(double v) {
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(v);
  } else {
    constexpr double kEnd = std::is_same_v<T, std::uint64_t> ? 0x1p64 : 0x1p63;
    if (v >= kEnd) return std::numeric_limits<T>::max();
    if (v > (std::is_same_v<T, std::uint64_t> ? -1.0 : -0x1p63)) return static_cast<T>(v);
    return v != v ? T{0} : std::numeric_limits<T>::lowest();
  }
}

/// Sums, differences and products of integers modulo 2^64: those of narrower types are wrapped afterwards.
template <class T>
T add(T a, T b) {
  if constexpr (std::is_same_v<T, float>)
    return a + b;
  else
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

template <class T>
T subtract(T a, T b) {
  if constexpr (std::is_same_v<T, float>)
    return a - b;
  else
    return static_cast<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

template <class T>
T multiply(T a, T b) {
  if constexpr (std::is_same_v<T, float>)
    return a * b;
  else
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

/// The larger and the smaller one; NaN if there is one.
template <class T>
T larger(T a, T b) {
  return a > b || a != a ? a : b;
}

template <class T>
T smaller(T a, T b) {
  return a < b || a != a ? a : b;
}

}  // namespace lowbit::arrays
