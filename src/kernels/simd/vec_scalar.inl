// SPDX-License-Identifier: Apache-2.0
// The vector vocabulary of epilogue.inl and elementwise.inl for one lane: the scalar oracle's arithmetic.
// Every other vec_<isa>.inl has the same names with the same roundings.
#pragma once

#include <cstddef>
#include <cstdint>

#define LOWBIT_VECTOR_BITS 32

namespace lowbit::kernels {
namespace {

constexpr unsigned kLanes = 1;
using VecI = std::int32_t;
using VecF = float;

inline VecI load_i(const std::int32_t* p) {
  return *p;
}
inline VecF load_f(const float* p) {
  return *p;
}
inline void store_i(std::int32_t* p, VecI v) {
  *p = v;
}
inline void store_f(float* p, VecF v) {
  *p = v;
}
inline VecI broadcast_i(std::int32_t v) {
  return v;
}
inline VecF broadcast_f(float v) {
  return v;
}

// Integer arithmetic is modulo 2^32.
inline VecI add_i(VecI a, VecI b) {
  return std::int32_t(std::uint32_t(a) + std::uint32_t(b));
}
inline VecI sub_i(VecI a, VecI b) {
  return std::int32_t(std::uint32_t(a) - std::uint32_t(b));
}
inline VecI mul_i(VecI a, VecI b) {
  return std::int32_t(std::uint32_t(a) * std::uint32_t(b));
}

inline VecF add_f(VecF a, VecF b) {
  return a + b;
}
inline VecF sub_f(VecF a, VecF b) {
  return a - b;
}
inline VecF mul_f(VecF a, VecF b) {
  return a * b;
}
inline VecF to_float(VecI a) {
  return static_cast<float>(a);
}
/// a * b + c, rounded once.
inline VecF fma_f(VecF a, VecF b, VecF c) {
  return __builtin_fmaf(a, b, c);
}

/// f < lo ? lo : f, and f > hi ? hi : f; a NaN stays.
inline VecF clamp_below(VecF f, VecF lo) {
  return f < lo ? lo : f;
}
inline VecF clamp_above(VecF f, VecF hi) {
  return f > hi ? hi : f;
}
/// NaN becomes +0.
inline VecF nan_to_zero(VecF f) {
  return f == f ? f : 0.0f;
}

/// Round to nearest even, for |f| < 2^22: adding 1.5 * 2^23 leaves the integer in the low bits of the
/// significand.
inline VecI round_to_int(VecF f) {
  const float shifted = f + 12582912.0f;
  return static_cast<std::int32_t>(shifted - 12582912.0f);
}

inline VecF load_u8_as_float(const std::uint8_t* p) {
  return static_cast<float>(*p);
}
/// Lanes are in [0, 255].
inline void store_u8(std::uint8_t* p, VecI v) {
  *p = static_cast<std::uint8_t>(v);
}
/// `v` in all 16-bit lanes, in all bytes.
inline VecI broadcast_i16(std::int32_t v) {
  return v;
}
inline VecI broadcast_u8(std::int32_t v) {
  return v;
}
/// Stores 4 * kLanes codes: each v + zero_point, saturated to 0 .. 255, then no less than lo. Lanes of v are
/// at most 255 in magnitude or, below, anything.
inline void store_four_u8(std::uint8_t* p, const VecI* v, VecI zero_point, VecI lo) {
  for (unsigned q = 0; q < 4; ++q) {
    const VecI low = v[q] < -32768 ? -32768 : v[q];
    VecI code = low + zero_point;
    code = code < 0 ? 0 : code > 255 ? 255 : code;
    p[q] = static_cast<std::uint8_t>(code < lo ? lo : code);
  }
}

// What elementwise.inl needs beyond the epilogue.
using Mask = bool;
inline Mask is_finite(VecF f) {
  return f - f == 0.0f;
}
inline VecF select_f(Mask m, VecF a, VecF b) {
  return m ? a : b;
}
inline unsigned count_true(Mask m) {
  return m ? 1 : 0;
}
inline VecF smaller(VecF a, VecF b) {
  return a < b ? a : b;
}
inline VecF larger(VecF a, VecF b) {
  return a > b ? a : b;
}

// What functions.inl needs beyond that.
inline VecF div_f(VecF a, VecF b) {
  return a / b;
}
/// The bits as those of the other type.
inline VecI bits_of(VecF f) {
  return __builtin_bit_cast(VecI, f);
}
inline VecF from_bits(VecI v) {
  return __builtin_bit_cast(VecF, v);
}
template <int kBits>
inline VecI shift_left(VecI v) {
  return std::int32_t(std::uint32_t(v) << kBits);
}
/// Halves, rounded down.
inline VecI half_i(VecI v) {
  return v >> 1;
}
inline VecF abs_f(VecF f) {
  return from_bits(bits_of(f) & 0x7fffffff);
}
inline VecF negated(VecF f) {
  return -f;
}
/// `f`, which is not negative, with the sign of `s`.
inline VecF with_sign(VecF f, VecF s) {
  return from_bits(bits_of(f) | (bits_of(s) & std::int32_t(0x80000000)));
}
inline Mask is_less(VecF a, VecF b) {
  return a < b;
}

}  // namespace
}  // namespace lowbit::kernels
