// SPDX-License-Identifier: Apache-2.0
// Circular and hyperbolic functions and their inverses in double, as elementary.h has the others: from
// additions, multiplications, divisions and square roots in a fixed order. Arguments are floats: of 2^128 and
// more, sin, cos and tan are not defined here and give NaN.
#pragma once

#include <array>

#include "core/elementary.h"

namespace lowbit::elementary {

/// log(1 + x): the series 2 artanh(x / (2 + x)) where 1 + x would lose bits of x.
inline double log1p(double x) {
  if (!(x > -0.3 && x < 0.4)) return log(1 + x);
  const double s = x / (2 + x), s2 = s * s;
  double sum = 0;
  for (int i = 23; i > 0; i -= 2) sum = sum * s2 + 1.0 / i;
  return 2 * s * sum;
}

/// x = n pi / 2 + r, |r| <= pi / 4 and a little.
struct ReducedAngle {
  double r;
  int n;  ///< modulo 4
};

/// mantissa times five words of 2 / pi from word `first` on: seven words, the most significant one first.
/// Word i of 2 / pi has the weight 2^(-32 (i + 1)).
inline std::array<std::uint32_t, 7> times_two_over_pi(std::uint64_t mantissa, int first) {
  constexpr std::array<std::uint32_t, 8> kTwoOverPi = {0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u,
                                                       0xdb629599u, 0x3c439041u, 0xfe5163abu, 0xdebbc561u};
  std::array<std::uint32_t, 7> product{};
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint64_t m = half == 0 ? mantissa & 0xffffffffu : mantissa >> 32;
    std::uint64_t carry = 0;
    for (std::size_t i = 5; i-- > 0;) {
      std::uint32_t& place = product[i + 2 - half];
      carry += m * kTwoOverPi[static_cast<std::size_t>(first) + i] + place;
      place = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    product[1 - half] = static_cast<std::uint32_t>(carry);
  }
  return product;
}

/// For 2^20 <= x < 2^128 by the bits of 2 / pi: words whose product with x is a multiple of 4 do not count.
inline ReducedAngle reduce_large_angle(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const int exponent = static_cast<int>(bits >> 52) - 1075;  // x = mantissa 2^exponent
  const int first = exponent < 34 ? 0 : (exponent - 2) / 32;
  const auto product = times_two_over_pi((bits & 0x000fffffffffffffu) | 0x0010000000000000u, first);
  std::array<double, 7> parts{};  // of the fraction, in quarters of a turn
  int n = 0;
  for (std::size_t i = 0; i < product.size(); ++i) {
    const int weight = exponent - 32 * (first + static_cast<int>(i) - 1);  // of the word's last bit
    std::uint64_t word = product[i];
    if (weight >= 0) {
      n += weight > 1 ? 0 : static_cast<int>(word << weight & 3u);
      continue;
    }
    if (weight > -32) {
      n += static_cast<int>(word >> -weight & 3u);
      word &= (std::uint64_t{1} << -weight) - 1;
    }
    parts[i] = static_cast<double>(word) * power_of_two(weight);
  }
  const auto sum_from = [&parts](double sum) {
    for (const double part : parts) sum += part;
    return sum;
  };
  double quarters = sum_from(0);
  if (quarters > 0.5) quarters = sum_from(-1), ++n;
  return {quarters * 1.5707963267948966, n & 3};
}

/// For x >= 0.
inline ReducedAngle reduce_angle(double x) {
  if (x >= 0x1p20) return reduce_large_angle(x);
  constexpr double kTwoOverPi = 0.6366197723675814;
  // pi / 2 in three parts; products with the first two are exact.
  constexpr double kHigh = 0x1.921fb544p+0, kMiddle = 0x1.0b4611a6p-34, kLow = 0x1.3198a2e037073p-69;
  const auto n = static_cast<std::int64_t>(x * kTwoOverPi + 0.5);
  const auto k = static_cast<double>(n);
  return {((x - k * kHigh) - k * kMiddle) - k * kLow, static_cast<int>(n & 3)};
}

/// For |r| <= pi / 4: Taylor.
inline double sin_of_reduced(double r) {
  const double r2 = r * r;
  double p = 1.0;
  for (int i = 18; i > 0; i -= 2) p = 1.0 - p * r2 / (i * (i + 1));
  return p * r;
}

inline double cos_of_reduced(double r) {
  const double r2 = r * r;
  double p = 1.0;
  for (int i = 19; i > 0; i -= 2) p = 1.0 - p * r2 / (i * (i + 1));
  return p;
}

inline double sin(double x) {
  const double a = x < 0 ? -x : x;
  if (!(a < 0x1p128)) return std::numeric_limits<double>::quiet_NaN();
  const auto [r, n] = reduce_angle(a);
  const double y = n % 2 == 0 ? sin_of_reduced(r) : cos_of_reduced(r);
  return (n >= 2) != (x < 0) ? -y : y;
}

inline double cos(double x) {
  const double a = x < 0 ? -x : x;
  if (!(a < 0x1p128)) return std::numeric_limits<double>::quiet_NaN();
  const auto [r, n] = reduce_angle(a);
  const double y = n % 2 == 0 ? cos_of_reduced(r) : sin_of_reduced(r);
  return n == 1 || n == 2 ? -y : y;
}

inline double tan(double x) {
  const double a = x < 0 ? -x : x;
  if (!(a < 0x1p128)) return std::numeric_limits<double>::quiet_NaN();
  const auto [r, n] = reduce_angle(a);
  const double s = sin_of_reduced(r), c = cos_of_reduced(r), y = n % 2 == 0 ? s / c : -c / s;
  return x < 0 ? -y : y;
}

/// 1 / x beyond 1, twice half the angle, then the series up to tan(pi / 16).
inline double atan(double x) {
  if (x != x) return x;
  double a = x < 0 ? -x : x;
  const bool is_large = a > 1;
  if (is_large) a = 1 / a;
  for (int i = 0; i < 2; ++i) a = a / (1 + std::sqrt(1 + a * a));
  const double a2 = a * a;
  double sum = 0;
  for (int i = 25; i > 0; i -= 2) sum = 1.0 / i - sum * a2;
  const double y = is_large ? 1.5707963267948966 - 4 * a * sum : 4 * a * sum;
  return x < 0 ? -y : y;
}

inline double asin(double x) {
  return atan(x / std::sqrt((1 - x) * (1 + x)));
}

inline double acos(double x) {
  return 2 * atan(std::sqrt((1 - x) / (1 + x)));
}

inline double sinh(double x) {
  const double a = x < 0 ? -x : x;
  if (!(a < 700)) return x != x ? x : x * std::numeric_limits<double>::infinity();
  const double e = expm1(a), y = (e + e / (e + 1)) / 2;
  return x < 0 ? -y : y;
}

inline double cosh(double x) {
  return (exp(x) + exp(-x)) / 2;
}

inline double asinh(double x) {
  const double a = x < 0 ? -x : x;
  const double y = a > 1e9 ? log(a) + 0.69314718055994531 : log1p(a + a * a / (1 + std::sqrt(1 + a * a)));
  return x < 0 ? -y : y;
}

inline double acosh(double x) {
  if (x > 1e9) return log(x) + 0.69314718055994531;
  const double t = x - 1;
  return log1p(t + std::sqrt(t * (2 + t)));
}

inline double atanh(double x) {
  return log1p(2 * x / (1 - x)) / 2;
}

}  // namespace lowbit::elementary
