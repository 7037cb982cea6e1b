// SPDX-License-Identifier: Apache-2.0
// Rows in codes: each row of floats becomes codes of 8 or 4 bits with a scale and a middle of its own. So a
// model keeps keys and values of attention, a row a token and head, that are made once and read at every
// token after it (a cache of keys and values).
//
//   x = middle + scale (code - (2^bits - 1) / 2)
//
//   byte 0                     packed_bytes(size, bits)       + 2             + 4
//   | codes, low halves first  | scale as a bfloat16          | middle, too   |     little-endian
//
// Codes reach from the row's smallest element to its largest. Both numbers are rounded to bfloat16 before
// codes are chosen, the scale upwards, so that their rounding clips nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/shape.h"

namespace lowbit {

/// Of one row of `size` elements; bits are 8 or 4.
std::size_t coded_row_bytes(std::int64_t size, int bits);
/// Of all rows along the last axis of a tensor, one behind the other.
std::size_t coded_rows_bytes(const Shape& shape, int bits);

/// The range of a row is that of its finite elements; infinities become its ends, NaN the middle.
void encode_rows(const float* x, std::int64_t rows, std::int64_t size, int bits, std::byte* to);
void decode_rows(const std::byte* from, std::int64_t rows, std::int64_t size, int bits, float* x);

}  // namespace lowbit
