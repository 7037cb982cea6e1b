// SPDX-License-Identifier: Apache-2.0
// exp, log, erf and tanh in double, from additions, multiplications and divisions in a fixed order: the C
// libraries differ in the last places. Errors are a few units in the last place of a double, so that what is
// rounded to float afterwards is right but for one case in millions. A test compares them with the C library.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace lowbit::elementary {

/// 2^k for -1022 <= k <= 1023.
inline double power_of_two(std::int64_t k) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

/// x = k ln 2 + r with |r| <= ln(2) / 2, a Taylor polynomial of degree 13 in r, times 2^k.
inline double exp(double x) {
  if (!(x > -745.2)) return x != x ? x : 0.0;
  if (x > 709.8) return std::numeric_limits<double>::infinity();
  constexpr double kLog2e = 1.4426950408889634, kLn2High = 6.93147180369123816490e-01,
                   kLn2Low = 1.90821492927058770002e-10;
  const auto k = static_cast<std::int64_t>(x * kLog2e + (x < 0 ? -0.5 : 0.5));
  const auto n = static_cast<double>(k);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double p = 1.0;
  for (int i = 13; i > 0; --i) p = 1.0 + p * r / i;
  const std::int64_t half = k / 2;  // in two steps, since 2^k may be no normal number
  return p * power_of_two(half) * power_of_two(k - half);
}

/// x = 2^e m with m in [sqrt(1/2), sqrt 2), ln m = 2 artanh((m - 1) / (m + 1)) by its series.
inline double log(double x) {
  if (!(x > 0))
    return x == 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  if (x == std::numeric_limits<double>::infinity()) return x;
  std::int64_t e = 0;
  if (x < std::numeric_limits<double>::min()) x *= 0x1p54, e = -54;
  std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  e += static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (m > 1.4142135623730951) m /= 2, ++e;
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double sum = 0;
  for (int i = 21; i > 0; i -= 2) sum = sum * s2 + 1.0 / i;
  constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
  const auto n = static_cast<double>(e);
  return n * kLn2High + (2 * s * sum + n * kLn2Low);
}

/// Up to 2.5 the series with positive terms, 2 / sqrt(pi) e^-x^2 sum 2^n x^(2n+1) / (1 3 ... (2n+1));
/// beyond, 1 minus the continued fraction of erfc (Abramowitz and Stegun 7.1.6, 7.1.14).
inline double erf(double x) {
  if (x != x) return x;
  const double a = x < 0 ? -x : x;
  if (a > 6) return x < 0 ? -1.0 : 1.0;
  constexpr double kTwoOverRootPi = 1.1283791670955126;
  double y;
  if (a < 2.5) {
    double term = a, sum = a;
    for (int n = 1; n < 60 && term > sum * 1e-17; ++n) {
      term *= 2 * a * a / (2 * n + 1);
      sum += term;
    }
    y = kTwoOverRootPi * exp(-a * a) * sum;
  } else {
    double fraction = a;
    for (int n = 60; n > 0; --n) fraction = a + n / 2.0 / fraction;
    y = 1 - kTwoOverRootPi / 2 * exp(-a * a) / fraction;
  }
  return x < 0 ? -y : y;
}

/// e^x - 1: its series where the difference would cancel.
inline double expm1(double x) {
  if (!(x < 0.35 && x > -0.35)) return exp(x) - 1;
  double p = 1.0;
  for (int i = 15; i > 1; --i) p = 1.0 + p * x / i;
  return p * x;
}

inline double tanh(double x) {
  if (x != x) return x;
  const double a = x < 0 ? -x : x;
  if (a > 20) return x < 0 ? -1.0 : 1.0;
  const double e = expm1(2 * a), y = e / (e + 2);
  return x < 0 ? -y : y;
}

inline double sigmoid(double x) {
  if (!(x < 0)) return 1 / (1 + exp(-x));
  const double e = exp(x);
  return e / (1 + e);
}

/// x^y: by multiplications where y is a small whole number, else to about 1e-13, which is what y log(x)
/// loses.
inline double pow(double x, double y) {
  if (y == std::floor(y) && std::fabs(y) <= 16) {
    double power = 1;
    for (double i = std::fabs(y); i > 0; --i) power *= x;
    return y < 0 ? 1 / power : power;
  }
  if (x == 0) return y > 0 ? 0.0 : std::numeric_limits<double>::infinity();
  if (x > 0) return exp(y * log(x));
  if (y != std::floor(y)) return std::numeric_limits<double>::quiet_NaN();
  const double magnitude = exp(y * log(-x));
  return std::floor(y / 2) * 2 == y ? magnitude : -magnitude;
}

}  // namespace lowbit::elementary
