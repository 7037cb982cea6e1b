// SPDX-License-Identifier: Apache-2.0
// A QuantizedMatrix from codes, scales and tables that somebody else chose: a file of another format, a
// rounder, a person. Nothing is rounded: dequantize() gives what the source format defines,
//
//   AffineCodes     scale * (code - zero_point) + offset     TFLite, ONNX QuantizeLinear, GGUF Q4_0, Q8_0
//   TableCodes      scale * levels[code]                     NF4, k-means, small floats
//   TernaryCodes    scale * code, code -1, 0 or 1
//   SignCodes       the sum over planes of +scale, or of -scale where the plane's bit is set
//
// multiplied in float, then added in float. Scales stay as they are given: of groups, too, which quantize()
// rounds to fp16. Some formats have scales that a QuantizedMatrix has not; they are written in another way:
//
//   scale 0         (a GGUF block of zeros) becomes a group of the code that stands for zero
//   scale below 0   (GGUF Q4_0) becomes its magnitude with complemented codes and zero point, flipped signs
//                   or bits; a zero may then have the other sign. Tables have no complement: refused
//
// Codes are given one a byte. Bytes of two or four codes, lowest bits first, as in ONNX, are what unpack_u4
// and unpack_u2 (core/packing.h) take apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

/// A strided rows x cols matrix of codes, a byte each, read only; strides in codes. Rows are output channels.
struct CodesView {
  const void* data = nullptr;
  bool is_signed = false;
  std::int64_t rows = 0, cols = 0;
  std::ptrdiff_t row_stride = 0, col_stride = 1;

  CodesView() = default;
  /// Row-major and contiguous.
  CodesView(const std::uint8_t* p, std::int64_t r, std::int64_t c) : CodesView(p, r, c, c, 1) {}
  CodesView(const std::int8_t* p, std::int64_t r, std::int64_t c) : CodesView(p, r, c, c, 1) {}
  CodesView(const std::uint8_t* p, std::int64_t r, std::int64_t c, std::ptrdiff_t rs, std::ptrdiff_t cs)
      : data(p), is_signed(false), rows(r), cols(c), row_stride(rs), col_stride(cs) {}
  CodesView(const std::int8_t* p, std::int64_t r, std::int64_t c, std::ptrdiff_t rs, std::ptrdiff_t cs)
      : data(p), is_signed(true), rows(r), cols(c), row_stride(rs), col_stride(cs) {}

  std::int32_t operator()(std::int64_t r, std::int64_t c) const {
    const std::ptrdiff_t i = r * row_stride + c * col_stride;
    return is_signed ? std::int32_t{static_cast<const std::int8_t*>(data)[i]}
                     : std::int32_t{static_cast<const std::uint8_t*>(data)[i]};
  }
};

// Below, "one for each scale" is one for the tensor, one for each row, or [rows][groups of a row], as the
// granularity says; the last group of a row may be shorter. Group sizes are multiples of 4 from 4 to 65536.
// Spans are read during the call.

/// Signed codes lie in [-2^(bits - 1), 2^(bits - 1)), unsigned ones in [0, 2^bits). Kept in the s8 format
/// from 5 bits on, u4 for 3 and 4, s2 for 2.
struct AffineCodes {
  CodesView codes{};
  int bits = 8;  ///< 2 to 8
  Granularity granularity = per_channel();
  std::span<const float> scales{};
  /// One for each scale, or empty: 0. Zero points are among the codes; for one that is not, such as the 16
  /// of some files of 4 bits, say more bits than the codes need.
  std::span<const std::int32_t> zero_points{};
  std::span<const float> offsets{};  ///< one for each scale, or empty: 0. In reals
};

/// Kept in the lut4 format up to 16 levels, else lut8.
struct TableCodes {
  CodesView codes{};  ///< indices into a table
  std::span<const float>
      levels{};  ///< 2 to 256 in any order; with `levels_per_row`, [rows] tables of as many
  bool levels_per_row = false;
  Granularity granularity = per_channel();
  std::span<const float> scales{};  ///< positive or 0; empty: 1. 0 needs a level 0
};

struct TernaryCodes {
  CodesView codes{};  ///< -1, 0, 1
  Granularity granularity = per_channel();
  std::span<const float> scales{};
};

struct SignCodes {
  CodesView codes{};                        ///< bit p of a code belongs to plane p; 1 is negative
  int planes = 1;                           ///< 1 to 4
  Granularity granularity = per_channel();  ///< no groups
  std::span<const float> scales{};          ///< [planes] per tensor, [rows][planes] per channel; none is 0
};

/// The result passes QuantizedMatrix::validate() and goes wherever quantize()'s does: lowbit::Linear, the
/// weights policy of quantize(model). Throws Error(invalid_argument) for a value that cannot be, with its
/// row, its column or group, and the values that can; Error(shape_mismatch) for a span of another length.
QuantizedMatrix matrix_from_codes(const AffineCodes& given);
QuantizedMatrix matrix_from_codes(const TableCodes& given);
QuantizedMatrix matrix_from_codes(const TernaryCodes& given);
QuantizedMatrix matrix_from_codes(const SignCodes& given);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/given_codes-inl.h"
#endif
