// SPDX-License-Identifier: Apache-2.0
// e^x on the vectors of simd/vec.inl. x = n ln 2 + r with |r| <= ln(2) / 2, e^r - 1 = r + r^2 P(r), and 2^n
// by way of the exponent's bits. P is of degree 4, its largest error 2^-28 of e^r (found by a weighted least
// squares fit, as the other polynomials here and in functions.inl, with coefficients that are floats).
#pragma once

#include "kernels/simd/vec.inl"

namespace lowbit::kernels::functions {
namespace {

/// Horner's rule; coefficients from that of the lowest power on.
template <unsigned kCount>
inline VecF polynomial(VecF x, const float (&coefficients)[kCount]) {
  VecF p = broadcast_f(coefficients[kCount - 1]);
  for (unsigned i = kCount - 1; i > 0; --i) p = fma_f(p, x, broadcast_f(coefficients[i - 1]));
  return p;
}

/// x = n ln 2 + r.
struct Reduced {
  VecI n;
  VecF r;
};

inline Reduced reduce(VecF x) {
  const VecF magic = broadcast_f(12582912.0f);  // 1.5 * 2^23: the sum's low bits are the rounded integer
  const VecF shifted = fma_f(x, broadcast_f(0x1.715476p+0f), magic);
  const VecF n = sub_f(shifted, magic);
  const VecF r = fma_f(n, broadcast_f(-0x1.62e430p-1f), x);
  return {sub_i(bits_of(shifted), bits_of(magic)), fma_f(n, broadcast_f(0x1.05c610p-29f), r)};
}

/// e^r - 1 for |r| <= ln(2) / 2.
inline VecF expm1_of_rest(VecF r) {
  constexpr float kExp[] = {0x1.000000p-1f, 0x1.555490p-3f, 0x1.5554bep-5f, 0x1.123afep-7f, 0x1.6d7c9ep-10f};
  return fma_f(mul_f(r, r), polynomial(r, kExp), r);
}

/// For -127 <= n <= 128; 0 for -127, infinity for 128.
inline VecF power_of_two(VecI n) {
  return from_bits(shift_left<23>(add_i(n, broadcast_i(127))));
}

/// p 2^n, rounded once, where p is near 1 and -252 <= n <= 254.
inline VecF scaled(VecF p, VecI n) {
  const VecI half = half_i(n);
  return mul_f(mul_f(p, power_of_two(half)), power_of_two(sub_i(n, half)));
}

/// e^(x + low) for x <= 0, where `low` is what rounding took from x; anything where x is not finite.
inline VecF exp_of_sum(VecF x, VecF low) {
  const VecF least = broadcast_f(-104.0f);
  const Reduced e = reduce(clamp_below(x, least));
  const VecF r = add_f(e.r, select_f(is_less(least, x), low, broadcast_f(0.0f)));
  return scaled(add_f(expm1_of_rest(r), broadcast_f(1.0f)), e.n);
}

/// All results, subnormal ones too.
inline VecF exp_of(VecF x) {
  const Reduced e = reduce(clamp_above(clamp_below(x, broadcast_f(-104.0f)), broadcast_f(89.0f)));
  return scaled(add_f(expm1_of_rest(e.r), broadcast_f(1.0f)), e.n);
}

/// For x <= 0; 0 where the result would be below the normal numbers, or a little before.
inline VecF exp_of_nonpositive(VecF x) {
  const Reduced e = reduce(clamp_below(x, broadcast_f(-88.0f)));
  return mul_f(add_f(expm1_of_rest(e.r), broadcast_f(1.0f)), power_of_two(e.n));
}

/// e^x - 1 for -20 <= x <= 40: of small results every bit but the last ones is right, too.
inline VecF expm1_of(VecF x) {
  const Reduced e = reduce(x);
  const VecF power = power_of_two(e.n);
  return fma_f(power, expm1_of_rest(e.r), sub_f(power, broadcast_f(1.0f)));
}

}  // namespace
}  // namespace lowbit::kernels::functions
