// SPDX-License-Identifier: Apache-2.0
// The engine of the processors that have vpdpbusd, which multiplies four u8 codes of A by four s8 weights and
// adds them to a 32-bit lane. The loops around it are those of x86_strip.inl; tiles keep their sums in
// registers (dot_tile.inl) and go from there through the epilogue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_strip.inl"
#include "kernels/gemm/x86_dot/dot_tile.inl"

namespace lowbit::kernels::x86_dot {
namespace {

/// Tiles of 256-bit kernels: 12 accumulators leave room for two vectors of weights and one of activations in
/// 16 registers. Of 512-bit kernels: 24 accumulators leave room for the weights of one step of a wide tile,
/// or of four steps of a narrow one, so that a narrow tile pays for a row's address once every 16 codes.
template <unsigned kMostVecs, unsigned kVecs>
struct TileRows;
template <>
struct TileRows<2, 1> : Heights<12, 8, 4, 2, 1> {};
template <>
struct TileRows<2, 2> : Heights<6, 4, 2, 1> {};
template <>
struct TileRows<4, 1> : Heights<24, 12, 8, 4, 2, 1> {};
template <>
struct TileRows<4, 2> : Heights<12, 8, 6, 4, 2, 1> {};
template <>
struct TileRows<4, 3> : Heights<8, 6, 4, 2, 1> {};
template <>
struct TileRows<4, 4> : Heights<6, 5, 4, 3, 2, 1> {};

struct Engine {
  static constexpr unsigned kStripRows = 72, kParts = 1, kEvenQuads = 0;
  // Weights that lie in the panel as they are multiplied come from the L2 cache as fast as decoded ones from
  // L1, and the fewer chunks, the fewer sums are put aside.
  static constexpr unsigned kQuads = Format::kPlain ? 512 : kChunkQuads;
  static constexpr bool kGroups = true, kDecodes = !Format::kPlain, kFinishesTiles = true;

  template <bool kGrouped, unsigned kRows, unsigned kVecs>
  using Tile = DotTile<kRows, kVecs>;
  template <unsigned kVecs>
  using Rows = TileRows<kTileVecs, kVecs>;

  static void store_weights(std::byte* out, VecI w) { store_bytes(out, w); }
  static VecI add_weights(VecI sum, VecI w) { return dot4(sum, broadcast_byte(1), w); }
  static VecI total(VecI sum) { return sum; }
  template <unsigned kStride>
  static bool preset(const std::int32_t*, unsigned) {
    return false;
  }
};

/// The table entry of this file's format.
constexpr GemmKernel dot_kernel(const char* name, WeightFormat format, Isa required) {
  return x86_kernel(name, format, required, kAccumulators, run_strips<Engine>);  // rows of the narrowest tile
}

}  // namespace
}  // namespace lowbit::kernels::x86_dot
