// SPDX-License-Identifier: Apache-2.0
// The interface between GEMM kernels and the driver: plain data only, so that a kernel file compiled for a
// wide ISA includes this header, intrinsics, private .inl files and nothing else. A kernel computes one tile
//
//   C[i][j] = epilogue( sum over runs r, codes t:  A[run r, row i][t] * W[j][r, t] )      i < m, j < n
//
// with exact int32 (mod 2^32) accumulation where A holds integers. Rows of A are reached through byte
// offsets, one per (tap, row), so that a matrix product (one tap) and a convolution (kh*kw taps, no im2col)
// are the same loop.
//
// Integer activations are u8 in memory. A signed activation code s is stored as s + 128 (its sign bit
// flipped) with its zero point moved likewise: no kernel then spends an instruction on the flip, which on
// Intel cores would compete with the dot products for the same ports.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/config.h"
#include "lowbit/kernels/isa.h"

// Two types that models show to their users, too: not in kernels.
namespace lowbit {

/// Canonical weight codes, as files store them. Each row starts at a byte.
///   s8:   one signed byte a code.                                    weight = code - zero_point
///   u4:   two codes a byte, low nibble first; u in [0, 15].          weight = code - zero_point
///   lut4: indices, stored like u4.                                   weight = levels[code]
///   s2:   four codes a byte, lowest bits first; u in [0, 3].         weight = code - zero_point
///   b1:   eight codes a byte, lowest bit first; 1 is negative.       weight = code ? -1 : 1
///   lut8: one byte a code.                                           weight = real_levels[code]
/// The real weight is that times the scale.
/// The numbers are those of files.
enum class WeightFormat : std::uint8_t { s8 = 0, u4 = 1, s2 = 2, lut4 = 3, b1 = 4, lut8 = 5 };

/// What a packer found out about the weights.
struct PackReport {
  std::uint64_t pairs = 0;         ///< pairs of neighbouring weights that a saturating instruction multiplies
  std::uint64_t excess_pairs = 0;  ///< of these, pairs that could saturate: clamped, the rest is listed
  std::uint32_t panels = 0;        ///< panels packed for such an instruction
  std::uint32_t proven_panels = 0;  ///< of these, panels without any such pair
  std::uint32_t wide_panels = 0;    ///< panels of the same kernel that run on 16-bit products instead
};

}  // namespace lowbit

namespace lowbit::kernels {

/// What the rows of A hold.
///   u8:  codes, one a byte; any weight format but lut8.
///   f32: floats, for weight-only quantization; any weight format.
///   b1:  sign bits, eight a byte, lowest first, 1 is negative; each tap of a row starts at a byte. b1
///        weights.
enum class ActType : std::uint8_t { u8, f32, b1 };

/// A canonical weight matrix, n rows (output channels) by k codes, for packing. Pointers live for the call.
struct WeightSpec {
  WeightFormat format = WeightFormat::s8;
  ActType act = ActType::u8;
  std::uint32_t n = 0;
  std::uint32_t taps = 1;    ///< K is `taps` pieces of k / taps codes; 1 for a matrix product
  std::uint32_t k = 0;       ///< codes in a row; a multiple of taps
  std::uint32_t group = 0;   ///< codes that share a scale; 0: the whole row. b1: must be 0
  std::uint32_t planes = 1;  ///< b1: weight matrices whose scaled sum this is. Each counts as a scale group;
                             ///< with f32 activations a weight is the sum over planes of + or - their scales
  const std::uint8_t* codes = nullptr;
  std::size_t row_bytes = 0;                  ///< distance between rows; row j of plane p is j * planes + p
  const float* scales = nullptr;              ///< [n][groups]
  const std::int32_t* zero_points = nullptr;  ///< s8, u4, s2: [n][groups], in code units; null: the middle
                                              ///< code everywhere (0 for s8, 8 for u4, 2 for s2)
  const std::int8_t* levels = nullptr;        ///< lut4 with u8 activations: [16], or [n][16]
  const float* real_levels = nullptr;  ///< with f32 activations: lut4 [16] or [n][16], lut8 [256] or [n][256]
  bool levels_per_row = false;         ///< the tables have a dimension [n]
};

/// A piece of K that lies contiguously in a row of A. K is cut at taps and at the ends of scale groups; with
/// several planes the runs of a row are repeated for each.
struct KRun {
  std::uint32_t tap;     ///< which row offset to use
  std::uint32_t offset;  ///< first code of the run within the tap's row of A
  std::uint32_t codes;   ///< length. A is readable (contents ignored) as far as a run of the next multiple
                        ///< of 4 codes would reach if u8; no further if f32; as far as a multiple of 32 codes
                        ///< if b1, the codes beyond the tap being 0
  std::uint32_t group;  ///< scale group (or plane) of these codes
  bool flush;           ///< the run ends its scale group: convert, scale, and add to the float accumulator
};

enum class OutType : std::uint8_t { s32, f32, u8 };

/// What happens to an accumulator, in registers, in this order and with these roundings (no fused
/// multiply-add but where `fma` is written):
///   i = acc + column_constant[j] - row_a[i] * col_a[j] - row_b[i] * col_b[j]    (mod 2^32; null: no such
///                                                                                term)
///   s32 output stops here.
///   f = float(i) * multiplier[j]                                    (if multiplier)
///   f = f * row_scale[i]                                            (if row_scale)
///   f = f + addend[j]                                               (if addend)
///   f = f + (float(residual) - residual_zero) * residual_scale      (if residual)
///   f = f < lo ? lo : f;  f = f > hi ? hi : f
///   f32 output stops here; u8: round to nearest even, add zero_point, store. The caller chooses lo and hi so
///   that the rounded value plus zero_point lies in [0, 255].
/// With several scale groups the first two lines are replaced: at each KRun::flush the group's exact integer
///   i_g = sum (a - row_a[i]) * weight                               (row_a null: 0; column terms unused)
/// becomes f = fma(float(i_g), group_scale[j][g], f), groups in order of K, f starting at 0; then
/// f = f * multiplier[j].
/// With f32 activations a weight is a float of its own (b1: its scales are in it), and a group's sum is f_g =
/// fma(a, weight, f_g), codes in order of K, f_g starting at 0; then f = fma(f_g, group_scale[j][g], f), or f
/// = f_g where there is one group. No integer terms, no s32 output. Everything is indexed from the tile's
/// first row and column. Units. f32 output: multiplier = input scale * weight scale, addend = bias,
/// residual_scale the residual's, lo and hi the activation's limits. u8 output counts steps of the output
/// scale, zero point not yet added: multiplier = input scale * weight scale / output scale, addend = bias /
/// output scale, and so on. lo and hi must be set: as they stand, every output is 0.
struct Epilogue {
  OutType out = OutType::s32;
  const std::int32_t* column_constant = nullptr;  ///< [n]
  const std::int32_t* row_a = nullptr;            ///< [m]
  const std::int32_t* col_a = nullptr;            ///< [n]
  const std::int32_t* row_b = nullptr;            ///< [m]
  const std::int32_t* col_b = nullptr;            ///< [n]
  const float* multiplier = nullptr;              ///< [n]
  const float* row_scale = nullptr;               ///< [m]
  const float* addend = nullptr;                  ///< [n]
  const std::uint8_t* residual = nullptr;         ///< m x n, same code type as u8 outputs
  std::size_t residual_row_bytes = 0;
  float residual_zero = 0.0f, residual_scale = 0.0f;
  float lo = 0.0f, hi = 0.0f;
  std::int32_t zero_point = 0;
};

/// One tile. `a_offset[tap * a_offset_stride + i]` is the distance in bytes from `a` to row i of that tap.
struct TileArgs {
  std::uint32_t m = 0, n = 0;  ///< n <= nr of the kernel; m is any number: the kernel cuts it as it likes
  const std::uint8_t* a = nullptr;
  const std::ptrdiff_t* a_offset = nullptr;
  std::size_t a_offset_stride = 0;  ///< at least m; more when the tile is a strip of a taller table
  const KRun* runs = nullptr;
  std::uint32_t run_count = 0;
  const std::byte* panel = nullptr;  ///< packed weights of these n columns
  Epilogue epilogue;
  void* c = nullptr;
  std::size_t c_row_bytes = 0;
  const std::byte* prepared = nullptr;  ///< what GemmKernel::prepare made of these rows, or null
};

/// Where canonical weights are written, as WeightSpec has them.
struct UnpackedWeights {
  std::uint8_t* codes = nullptr;        ///< zeros before
  float* scales = nullptr;              ///< written where there are several groups
  std::int32_t* zero_points = nullptr;  ///< likewise, if not null
};

/// A table entry. All function pointers are set but where stated.
struct GemmKernel {
  const char* name;     ///< `format/isa`, as in "s8/avx512vnni"; with other activations "b1b1/..", "u4f32/.."
  WeightFormat format;  ///< the canonical format that it is meant for
  ActType act;
  Isa required;
  bool reference;        ///< the scalar oracle: correct for everything of its format, slow
  std::uint16_t nr;      ///< columns of a panel
  std::uint16_t n_step;  ///< a panel of fewer columns is packed as the next multiple of n_step
  std::uint16_t kr;      ///< codes of K that lie together in a panel; runs are padded to a multiple of it
  std::uint16_t m_step;  ///< preferred multiple of rows for a tile
  /// Whether the kernel can run this weight matrix (granularity, zero points).
  bool (*supports)(const WeightSpec& spec);
  /// Bytes of a panel of columns [n0, n0 + n).
  std::size_t (*panel_bytes)(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                             std::uint32_t run_count);
  /// Packs columns [n0, n0 + n) of `spec`. The panel is zeroed by the caller and 64-byte aligned. Adds to
  /// `report`.
  void (*pack)(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
               std::uint32_t run_count, std::byte* panel, PackReport& report);
  /// Uses at most 128 KiB of stack.
  void (*run)(const TileArgs& args);
  /// A product of at most this many rows is one strip, and its rows may be laid out for the kernel once for
  /// all panels. 0: `run` takes rows as they are, and the two functions below are null.
  std::uint16_t few_rows = 0;
  std::size_t (*prepared_bytes)(std::uint32_t m, const KRun* runs, std::uint32_t run_count) = nullptr;
  /// Writes prepared_bytes, 64-byte aligned, from `a` to `run_count` and `m` of `args`.
  void (*prepare)(const TileArgs& args, std::byte* prepared) = nullptr;
  /// The inverse of `pack`: `spec` as it was then, but for the pointers, which are not followed. Null where a
  /// panel does not hold all that it was packed from.
  void (*unpack)(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const KRun* runs,
                 std::uint32_t run_count, const std::byte* panel, const UnpackedWeights& to) = nullptr;
};

/// Every kernel of this build, best first within a format, each format's scalar reference last. `*count`
/// entries.
const GemmKernel* const* gemm_kernels(std::size_t* count);
/// The first kernel made for the format and the activations that `isa` allows and that supports `spec`; else
/// the first other one that does; else the scalar reference of the format, which takes everything.
const GemmKernel& select_gemm_kernel(const WeightSpec& spec, Isa isa);

}  // namespace lowbit::kernels
