// SPDX-License-Identifier: Apache-2.0
// The engine of plain AVX2, which has no dot product. vpmaddubsw multiplies u8 codes of A by s8 weights and
// adds neighbours, but into 16 bits, where two products of large codes saturate. The loops around it are
// those of x86_strip.inl.
//
// Every kernel here proves that its weights cannot saturate it. Those of u4, s2 and lut4 are small or are
// split into two small parts, so that sums of several steps even stay in 16-bit lanes before they widen: a
// batch, see the table of maddubs_tile.inl. s8 clamps pairs of weights that are too large when it packs them
// and multiplies what was cut off from a list (maddubs_s8_run.inl, saturat*.inl).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_strip.inl"
#include "kernels/gemm/x86_maddubs/maddubs_tile.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

constexpr unsigned kStripRows = 64;

/// M: a mode of maddubs_tile.inl.
template <class M>
struct Engine : M {
  static constexpr unsigned kStripRows = x86_maddubs::kStripRows, kQuads = kChunkQuads,
                            kEvenQuads = M::kBatch;
  static constexpr bool kGroups = true, kDecodes = true, kFinishesTiles = false;

  template <bool kGrouped, unsigned kRows, unsigned kVecs>
  using Tile = MaddubsTile<M, kGrouped, kRows, kVecs>;
  template <unsigned>
  using Rows = Heights<6, 5, 4, 3, 2, 1>;

  // Of 256 codes, so that the words of a vector of s8 hold their sum.
  static VecI add_weights(VecI sum, VecI w) { return add_words(sum, mul_pairs(broadcast_byte(1), w)); }
  static VecI total(VecI sum) { return sum_words(sum, broadcast_word(1)); }
  template <unsigned kStride>
  static bool preset(const std::int32_t*, unsigned) {
    return false;
  }
};

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
