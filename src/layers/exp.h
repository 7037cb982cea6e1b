// SPDX-License-Identifier: Apache-2.0
// exp for x <= 0 with the same bits on every CPU: a fixed sequence of multiplications and additions instead
// of libm, whose results differ between libraries. Cody-Waite reduction x = n ln 2 + r with |r| <= ln(2) / 2,
// a polynomial of degree 7 in r, then a multiplication by 2^n. The relative error is below 2^-22.5; a test
// measures it.
#pragma once

#include <bit>
#include <cstdint>

namespace lowbit::ops {

/// exp(x) for x <= 0; 0 where the result would be below the smallest normal number; NaN for NaN.
inline float exp_of_nonpositive(float x) {
  constexpr float kLowest = -87.33654f;  // ln of the smallest normal number
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: the sum's low bits are the rounded integer
  constexpr float kLog2e = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  const float clamped = x < kLowest ? kLowest : x;
  const float shifted = clamped * kLog2e + kMagic;
  const float n = shifted - kMagic;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  // Taylor coefficients: the first neglected term, r^8 / 8!, is below 8e-9 of the result.
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // n is in [-126, 0]; for NaN the scale is arbitrary and the product stays NaN.
  const std::uint32_t exponent =
      (std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kMagic) + 127u);
  const float result = p * std::bit_cast<float>(exponent << 23);
  return x < kLowest ? 0.0f : result;
}

}  // namespace lowbit::ops
