// SPDX-License-Identifier: Apache-2.0
// What the decoders of weights with f32 activations have in common. The f32_decode_<isa>.inl that the kernel
// file chose goes on to define
//   load_codes(p)                       a vector of dwords of codes
//   load_halves(p), load_bytes_f(p)     fp16, s8 -> float
//   negate_where(f, codes, bit)         f negated where a bit of the codes is set
//   in_registers(kind)                  whether there is a Decoder<kind>; others are looked up in memory
//   Decoder<kind>                       (table, first column); weight(codes, zero): from the lowest bits of
//   the
//                                       dwords; zero(s8 zero points as floats)
//       kWithoutShifts, weight_in_place(codes, t)   code t of whole dwords without a shift for each
//   tile_vecs(rows)                     column vectors of a tile of few rows, decoded in registers
//   kTileRows, kTileVecs                a tile of many rows, on weights that were decoded before
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/f32/f32_panel.inl"
namespace lowbit::kernels::f32 {
namespace {

/// Where a weight comes from: code - middle, code - a zero point, a table, one of which the second half is
/// the first negated, a table for each column, the signs of planes.
enum class Kind { middle, zeros, table, mirrored, row_table, planes };

}  // namespace
}  // namespace lowbit::kernels::f32
