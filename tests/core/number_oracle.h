// SPDX-License-Identifier: Apache-2.0
// What a number is in each element type, found from the widths of its fields by search: the oracle of casts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "lowbit/core/element_type.h"

namespace lowbit::testing {

/// A float of at most 16 bits. What follows `finite` positive codes: infinity, or NaN, or nothing.
struct FloatFields {
  ElementType type;
  int exponent, mantissa, bias;
  int finite;       ///< positive codes, 0 among them
  int nan;          ///< the code of a NaN, what a type without one has for it
  bool infinity;    ///< its code is `finite`
  bool fnuz;        ///< NaN in the place of -0
  bool saturating;  ///< by default: 8 bits and fewer

  int bits() const { return 1 + exponent + mantissa; }
};

inline constexpr FloatFields kFloatFields[] = {
    {ElementType::f16, 5, 10, 15, 0x7C00, 0x7E00, true, false, false},
    {ElementType::bf16, 8, 7, 127, 0x7F80, 0x7FC0, true, false, false},
    {ElementType::f8e4m3fn, 4, 3, 7, 0x7F, 0x7F, false, false, true},
    {ElementType::f8e4m3fnuz, 4, 3, 8, 0x80, 0x80, false, true, true},
    {ElementType::f8e5m2, 5, 2, 15, 0x7C, 0x7E, true, false, true},
    {ElementType::f8e5m2fnuz, 5, 2, 16, 0x80, 0x80, false, true, true},
    {ElementType::f4e2m1, 2, 1, 1, 8, 8, false, false, true},
};

/// Null for f32, f64, f8e8m0 and integers.
inline const FloatFields* float_fields(ElementType type) {
  for (const FloatFields& f : kFloatFields)
    if (f.type == type) return &f;
  return nullptr;
}

/// Of a positive code, also one behind the finite ones, as if numbers went on.
inline double magnitude_of(const FloatFields& f, int code) {
  const int exponent = code >> f.mantissa;
  const double fraction = std::ldexp(code % (1 << f.mantissa), -f.mantissa);
  return exponent == 0 ? std::ldexp(fraction, 1 - f.bias) : std::ldexp(1 + fraction, exponent - f.bias);
}

inline double decoded(const FloatFields& f, int code) {
  const int sign = code >> (f.bits() - 1), magnitude = code & ((1 << (f.bits() - 1)) - 1);
  const double kNone = std::numeric_limits<double>::quiet_NaN();
  if (f.fnuz && sign == 1 && magnitude == 0) return kNone;
  if (magnitude > f.finite || (magnitude == f.finite && !f.infinity)) return kNone;
  const double v = magnitude == f.finite ? HUGE_VAL : magnitude_of(f, magnitude);
  return sign == 1 ? -v : v;
}

inline const std::vector<double>& magnitudes(const FloatFields& f) {
  static std::map<ElementType, std::vector<double>> known;
  std::vector<double>& values = known[f.type];
  for (int code = static_cast<int>(values.size()); code <= f.finite; ++code)
    values.push_back(magnitude_of(f, code));
  return values;
}

/// The code of the value nearest to `v`, which has as many bits as a long double holds.
inline int encoded(const FloatFields& f, long double v, bool saturate) {
  const bool negative = std::signbit(v);
  const int sign = 1 << (f.bits() - 1);
  if (std::isnan(v)) return f.fnuz || f.type == ElementType::f4e2m1 ? f.nan : f.nan | (negative ? sign : 0);
  const long double magnitude = std::fabs(v);
  const std::vector<double>& values = magnitudes(f);
  const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
  int code = static_cast<int>(above - values.begin());
  if (code > f.finite) code = f.finite;
  if (code > 0 && magnitude < values[static_cast<std::size_t>(code)]) {
    // Exact: one bit more than the values have.
    const double middle =
        (values[static_cast<std::size_t>(code)] + values[static_cast<std::size_t>(code - 1)]) / 2;
    if (magnitude < middle || (magnitude == middle && code % 2 == 1)) --code;
  }
  const bool saturates = f.type == ElementType::f4e2m1 || (f.saturating && saturate);
  if (code == f.finite && saturates) --code;
  if (code == f.finite && !f.infinity) return f.fnuz ? f.nan : f.nan | (negative ? sign : 0);
  if (code == 0 && f.fnuz) return 0;
  return code | (negative ? sign : 0);
}

/// The f8e8m0 code of x >= 0, rounded down (-1), up (1) or to the nearest (0), found by trying.
inline int scale_code(double x, int direction) {
  int above = 0;
  while (above < 254 && std::ldexp(1.0, above - 127) < x) ++above;
  const double power = std::ldexp(1.0, above - 127);
  if (above == 0 || power == x) return above;
  if (power < x) return 254;
  const bool up = direction > 0 || (direction == 0 && (above == 1 || x >= power * 0.75));
  return up ? above : above - 1;
}

/// Of codes that a packed byte or a wider one holds: element i.
inline int code_at(ElementType type, std::span<const std::uint8_t> bytes, std::size_t i) {
  const int bits = element_bits(type);
  if (bits == 16) return bytes[2 * i] | bytes[2 * i + 1] << 8;
  const std::size_t per_byte = 8 / static_cast<std::size_t>(bits);
  return bytes[i / per_byte] >> (static_cast<int>(i % per_byte) * bits) & ((1 << bits) - 1);
}

}  // namespace lowbit::testing
