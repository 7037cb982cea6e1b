// SPDX-License-Identifier: Apache-2.0
// Floats of 8, 6 and 4 bits: the element and scale formats of the OCP Microscaling (MX) Formats
// Specification v1.0 and of the OCP 8-bit Floating Point Specification (OFP8) rev. 1.0, and the FNUZ formats
// of Noune et al., "8-bit numerical formats for deep neural networks" (2022). A code is one byte here, in the
// low bits, sign first, then exponent, then mantissa; packing.h puts two 4-bit codes into a byte.
//
//   format        bits  bias  largest  smallest > 0  beyond the finite values
//   fp8_e4m3fn       8     7      448          2^-9  NaN 0x7F, 0xFF; no Inf
//   fp8_e5m2         8    15    57344         2^-16  Inf 0x7C, 0xFC; NaN 0x7D-0x7F, 0xFD-0xFF
//   fp6_e2m3         6     1      7.5           1/8  nothing
//   fp6_e3m2         6     3       28          1/16  nothing
//   fp4_e2m1         4     1        6           1/2  nothing
//   e8m0             8   127    2^127        2^-127  NaN 0xFF; no sign, no zero, no Inf
//   fp8_e4m3fnuz     8     8      240         2^-10  NaN 0x80; no -0, no Inf
//   fp8_e5m2fnuz     8    16    57344         2^-17  NaN 0x80; no -0, no Inf
//
// cast.h converts from and to all types of ONNX, by the rules of its operator Cast.
// Everything here computes with the default rounding of the processor (to nearest, ties to even).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lowbit/core/config.h"

namespace lowbit {

/// The name gives the widths: e4m3 has four exponent and three mantissa bits, beside the sign.
/// The FNUZ formats are there to convert from and to: no quantizer makes weights of them.
enum class MiniFloat : std::uint8_t {
  fp8_e4m3fn,
  fp8_e5m2,
  fp6_e2m3,
  fp6_e3m2,
  fp4_e2m1,
  e8m0,
  fp8_e4m3fnuz,
  fp8_e5m2fnuz,
};

namespace minifloat {

/// What a value becomes that rounds to more than the largest finite one, as Inf does. Formats with neither
/// Inf nor NaN (fp6_*, fp4_e2m1) always saturate.
enum class Overflow : std::uint8_t {
  saturate,  ///< the largest finite value of its sign
  spec,      ///< Inf in fp8_e5m2, NaN in the other formats of 8 bits
};

/// Width of a code: 8, 6 or 4.
int bits(MiniFloat format) noexcept;
/// Of these, bits of the mantissa: 3, 2, 1 or 0.
int mantissa_bits(MiniFloat format) noexcept;
/// The enumerator's name, such as "fp8_e4m3fn".
std::string_view name(MiniFloat format) noexcept;
/// The largest finite value.
float largest(MiniFloat format) noexcept;

/// The value of `code`, exactly; bits above the width are ignored. Every NaN code gives a quiet NaN of its
/// sign.
float decode(MiniFloat format, std::uint8_t code) noexcept;
/// decode(c) of every code c in order, 2^bits values.
std::vector<float> table(MiniFloat format);

/// The code of the value nearest to `x`; of two equally near ones that with the even mantissa. So 464,
/// halfway between 448 (mantissa 6) and what would be 480 (mantissa 7), becomes 448 in fp8_e4m3fn and only
/// larger values overflow, whereas in fp8_e5m2 the halfway point 61440 (57344 has mantissa 3) does overflow.
///
/// Subnormals are kept, and so is the sign, of zero too: a negative value that rounds to zero gives -0, or 0
/// in the FNUZ formats. NaN becomes 0x7F with its sign in the 8-bit formats, 0x80 in the FNUZ ones, and +0 in
/// those of 6 and 4 bits, which have no NaN.
///
/// e8m0 has no mantissa that could be even: halfway between two powers of two the larger one is taken, as
/// ONNX's `nearest` does. Below 2^-126 there is no halfway, there as here: what is above 2^-127 becomes
/// 2^-126. Zero of either sign and all up to 2^-127 become that smallest value, so that a block of zeros has
/// a usable scale; negative values and NaN become NaN. See e8m0_floor for the scales of MX.
std::uint8_t encode(MiniFloat format, float x, Overflow overflow = Overflow::saturate) noexcept;
/// The e8m0 code of floor(log2(x)), which is how the MX specification derives a scale. Values below 2^-127
/// and zero give 2^-127, Inf gives 2^127; negative values and NaN give NaN.
std::uint8_t e8m0_floor(float x) noexcept;
/// The e8m0 code of the smallest power of two that is not below x, ONNX's `up`. What is above 2^127 gives
/// that; the rest is as for e8m0_floor.
std::uint8_t e8m0_ceil(float x) noexcept;

/// out[i] = encode(format, x[i] * inverse_scale, overflow). Throws Error(shape_mismatch) unless the sizes are
/// equal; the spans must not overlap.
void encode(MiniFloat format, std::span<const float> x, float inverse_scale, std::span<std::uint8_t> out,
            Overflow overflow = Overflow::saturate);
/// out[i] = decode(format, codes[i]) * scale. Throws Error(shape_mismatch) unless the sizes are equal; the
/// spans must not overlap.
void decode(MiniFloat format, std::span<const std::uint8_t> codes, float scale, std::span<float> out);

}  // namespace minifloat
}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/minifloat-inl.h"
#endif
