// SPDX-License-Identifier: Apache-2.0
// The element types of GGUF files: numbers, and blocks of a row's weights with scales of their own. What a
// block stands for, each step rounded to float:
//
//   type          weights  bytes  a weight is                             as a QuantizedMatrix
//   q4_0 q5_0          32  18 22  d * (q - 8), d * (q - 16)               u4, s8 (5 bits)
//   q4_1 q5_1          32  20 24  d * q + m                               u4, s8 (5 bits), offset m
//   q8_0               32     34  d * q, q in -128 .. 127                 s8
//   q2_k              256     84  (d * s) * q - (dmin * t), groups of 16  s2, scale d * s, offset -dmin * t
//   q4_k q5_k         256 144 176 the same, groups of 32                  u4, s8 (5 bits)
//   q3_k q6_k         256 110 210 (d * s) * (q - 4), (q - 32), groups of 16   u4, s8 (6 bits)
//   iq4_nl             32     18  d * level[q], 16 integers               lut4; s8 where d <= 0
//   tq1_0 tq2_0       256  54 66  d * (q - 1)                             s2
//   mxfp4              32     17  2^(e - 127) * FP4 E2M1                  lut4
//
// d, dmin and m are float16, s and t integers of 4, 6 or 8 bits. (d * s) is exact in float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

/// The numbers are those of files. Types that are missing here were removed from the format.
enum class GgmlType : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
};

/// "Q4_0", "MXFP4", ...; empty for a number that is no type.
std::string_view ggml_type_name(GgmlType type) noexcept;
/// Weights of a block, 1 of numbers; 0 for no type. Blocks lie along the innermost dimension.
std::int64_t ggml_block_elements(GgmlType type) noexcept;
/// Bytes of a block; 0 for no type.
std::size_t ggml_block_bytes(GgmlType type) noexcept;

/// Whether ggml_floats() reads it: numbers and the types of the table above.
bool ggml_has_floats(GgmlType type) noexcept;
/// Whether matrix_from_ggml() reads it: the types of the table above.
bool ggml_has_matrix(GgmlType type) noexcept;
/// Whether ggml_from_matrix() writes it: these without q2_k to q6_k, whose scales have scales.
bool ggml_is_written(GgmlType type) noexcept;

/// What `blocks` stand for, in order, with the bits that the formulas above give in float; f64 and i64 are
/// rounded to float. Throws Error(unsupported) for a type without ggml_has_floats, Error(shape_mismatch)
/// unless `out` has as many elements as the blocks.
void ggml_floats(GgmlType type, std::span<const std::byte> blocks, std::span<float> out);

/// The rows x cols weights (row-major, a row of whole blocks) with the codes of the file. dequantize() gives
/// the floats of ggml_floats(), but that a zero may have the other sign where d is negative. Codes of a group
/// whose scale is 0 become the code that stands for zero. Where d is negative, codes are complemented
/// (quant/given_codes.h); those of q3_k, q6_k and iq4_nl are negated. Throws Error(unsupported) for a type
/// without ggml_has_matrix and for mxfp4 whose exponents are too far apart, Error(shape_mismatch) for sizes
/// that do not fit, Error(corrupt_file) for a scale that is no number.
QuantizedMatrix matrix_from_ggml(GgmlType type, std::span<const std::byte> blocks, std::int64_t rows,
                                 std::int64_t cols);

/// The blocks that stand for what `q` stands for, exactly: those that matrix_from_ggml() read, byte for byte
/// (of blocks with scale 0 the usual codes, of ternary ones a positive d), and others whose scales the format
/// can hold. Throws Error(unsupported) naming the row, the group and what the format has no number for,
/// Error(shape_mismatch) for a row that is not made of whole blocks.
std::vector<std::byte> ggml_from_matrix(GgmlType type, const QuantizedMatrix& q);

}  // namespace lowbit
