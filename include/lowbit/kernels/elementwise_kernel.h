// SPDX-License-Identifier: Apache-2.0
// The interface of the vectorized loops between floats, int32 sums and codes of 8, 4 and 2 bits. One table
// entry per ISA, all functions set; every entry gives the same bits as the scalar one. Arrays are contiguous,
// need no alignment and do not overlap; nothing outside of them is read or written. The caller has set the
// float environment: rounding to nearest even, subnormals kept; status flags are unspecified afterwards. Sums
// are modulo 2^32.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/config.h"
#include "lowbit/kernels/isa.h"

namespace lowbit::kernels {

/// What the bytes of codes are: 0..255 or -128..127.
enum class CodeType : std::uint8_t { u8, s8 };

/// Parameters of a quantization: code = clamp(rint(x * inverse_scale), lo, hi) + zero_point, where lo = qmin
/// - zero_point and hi = qmax - zero_point as floats. NaN gives zero_point, +Inf qmax, -Inf qmin. The library
/// multiplies by the stored reciprocal everywhere; it never divides (docs/quantization.md says why). The zero
/// point and qmin, qmax are codes of `type`.
struct QuantizeParams {
  float inverse_scale = 1.0f;
  float lo = -128.0f, hi = 127.0f;
  std::int32_t zero_point = 0;
  CodeType type = CodeType::u8;
  /// Per channel: one value for each element, in place of the one above; null: that one for all. Every
  /// element keeps qmin = lo + zero_point and qmax = hi + zero_point, which must then be integers.
  const float* inverse_scales = nullptr;
  const std::int32_t* zero_points = nullptr;
};

/// x = float(code - zero_point) * scale; per channel as in QuantizeParams. Zero points are codes of `type`.
struct DequantizeParams {
  float scale = 1.0f;
  std::int32_t zero_point = 0;
  CodeType type = CodeType::u8;
  const float* scales = nullptr;
  const std::int32_t* zero_points = nullptr;
};

/// The float half of the epilogue (docs/kernels.md): f = float(i) * multiplier, f = f + addend, clamp to
/// [lo, hi], code = rint(f) + zero_point. lo + zero_point and hi + zero_point round to codes of `type`.
struct RequantizeParams {
  float multiplier = 1.0f, addend = 0.0f;
  float lo = -128.0f, hi = 127.0f;
  std::int32_t zero_point = 0;
  CodeType type = CodeType::u8;
  /// Per channel: one value for each element; null: the one above for all.
  const float* multipliers = nullptr;
  const float* addends = nullptr;
};

/// ma = scale_a / scale_out and so on, rounded to float once.
struct AddParams {
  float a_zero = 0, b_zero = 0, a_multiplier = 0, b_multiplier = 0, lo = 0, hi = 255;
  std::int32_t zero_point = 0;
};

struct ElementwiseKernel {
  const char* name;  ///< e.g. "elementwise/avx2"
  Isa required;
  /// f32 to codes. `sum`, where not null, gets the sum of the codes: what a zero point of the weights needs.
  void (*quantize)(const float* x, std::size_t n, const QuantizeParams& q, void* codes, std::int32_t* sum);
  /// Codes to f32.
  void (*dequantize)(const void* codes, std::size_t n, const DequantizeParams& q, float* out);
  /// int32 sums to codes.
  void (*requantize)(const std::int32_t* x, std::size_t n, const RequantizeParams& q, void* codes);
  /// Smallest and largest finite element; min > max (+inf, -inf) when there is none. Returns how many
  /// elements are not finite.
  std::size_t (*min_max)(const float* x, std::size_t n, float* min, float* max);
  /// out = clamp(rint((a - za) * ma + (b - zb) * mb), lo, hi) + zero_point: the sum of two u8 tensors,
  /// requantized.
  void (*add_u8)(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const AddParams& p,
                 std::uint8_t* out);
  /// Sum of the codes of a row.
  std::int32_t (*sum_u8)(const std::uint8_t* x, std::size_t n);
  /// out[i] = table[x[i]], of a table of 256: any function from codes to codes.
  void (*map_u8)(const std::uint8_t* x, std::size_t n, const std::uint8_t* table, std::uint8_t* out);
  /// Codes in bytes to 4 or 2 bits each (`bits`), low bits of a byte first; higher bits of a code are cut
  /// off, unused bits of the last byte are zero. n counts codes.
  void (*pack)(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* bytes);
  /// The way back: n codes, one a byte, without sign.
  void (*unpack)(const std::uint8_t* bytes, std::size_t n, int bits, std::uint8_t* codes);
  /// ranks[i] = how many of `count` (at most 255) thresholds are below x[i] * inverse_scale; NaN counts as 0.
  /// Few thresholds: time grows with their number.
  void (*rank)(const float* x, std::size_t n, float inverse_scale, const float* thresholds, std::size_t count,
               std::uint8_t* ranks);
  /// Codes of x[i] * inverse_scale in an element format of core/minifloat.h, saturating: 8 bits with 3 or 2
  /// of mantissa, 6 with 3 or 2, 4 with 1.
  void (*encode_minifloat)(const float* x, std::size_t n, float inverse_scale, int bits, int mantissa,
                           std::uint8_t* codes);
};

/// The best entry that active_isa() allows; found once. A header-only program has the scalar one alone.
const ElementwiseKernel& elementwise();
/// Every entry of this build, best first, scalar last.
const ElementwiseKernel* const* elementwise_kernels(std::size_t* count);

}  // namespace lowbit::kernels

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/kernels/elementwise_kernel-inl.h"
#endif
