// SPDX-License-Identifier: Apache-2.0
// Turns a chunk of packed weights into the bytes that an engine multiplies, once for all rows of a strip, and
// sums up the weights of its groups on the way.
//
// Decoded weights lie as [tile of vectors][quad of codes][vector][part]. An engine E says
//   kParts, kTileVecs   vectors that a vector of weights becomes, and how many of these a tile can multiply
//   kDecodes            whether decoded weights are stored; else the panel's own are multiplied
//   store_weights       stores a vector of s8 weights, in its parts
//   add_weights, total  how a vector of s8 weights is added to a sum, and what that sum is in the end
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/x86_group_terms.inl"

namespace lowbit::kernels {
namespace {

/// Vectors of columns in a tile, of kVecs of a panel.
template <class E, unsigned kVecs>
constexpr unsigned kTileWidth = kVecs* E::kParts > kTileVecs ? kTileVecs / E::kParts : kVecs;

/// Bytes of one quad in a tile.
template <class E, unsigned kVecs>
constexpr unsigned kQuadBytes = kTileWidth<E, kVecs>* E::kParts* kVectorBytes;

/// The s8 weights of one vector of the panel.
inline LOWBIT_ALWAYS_INLINE void decode_weights(const Format& format, VecI packed, VecI zero, VecI* w) {
  format.decode(packed, w);
#pragma GCC unroll 4
  for (unsigned u = 0; u < Format::kVectors && !Format::kPlain; ++u) w[u] = sub_bytes(w[u], zero);
}

/// With kSums, terms.start becomes `factor` times the sums of weights, else 0; without kGrouped the terms
/// stay as they are.
template <class E, bool kGrouped, bool kSums, unsigned kVecs>
LOWBIT_NOINLINE void decode_chunk(const PanelHeader& h, const Chunk& chunk, std::byte* out,
                                  std::int32_t factor, GroupTerms& terms) {
  constexpr unsigned kWide = kTileWidth<E, kVecs>, kStep = kQuadBytes<E, kVecs>;
  const Format format(h.levels);
  const std::byte* codes = chunk.codes;
  std::uint32_t first_quad = 0;
  unsigned g = 0;
  VecI sums[kVecs];
  for (VecI& sum : sums) sum = broadcast_i(0);
  for (unsigned p = 0; p < chunk.count; ++p) {
    const Piece& piece = chunk.pieces[p];
    const std::uint32_t steps = piece.codes / kStepCodes, rest = piece.codes % kStepCodes;
    const bool ends = kGrouped && (piece.flush || p + 1 == chunk.count);
    for (unsigned v = 0; v < kVecs; ++v) {
      const std::byte* in = codes + v * kVectorBytes;
      std::byte* to =
          out + first_quad * kStep + (v / kWide * chunk.quads * kWide + v % kWide) * E::kParts * kVectorBytes;
      const VecI zero = repeat_low_byte(group_zeros(h, h.groups == 1 ? 0 : piece.run->group, v));
      VecI sum = sums[v];
      const auto put = [&](VecI w) LOWBIT_ALWAYS_INLINE {
        if constexpr (kSums) sum = E::add_weights(sum, w);
        E::store_weights(to, w);
        to += kStep;
      };
      VecI w[Format::kVectors];
      for (std::uint32_t left = steps; left > 0; --left, in += kVecs * kVectorBytes) {
        decode_weights(format, load_bytes(in), zero, w);
#pragma GCC unroll 4
        for (unsigned u = 0; u < Format::kVectors; ++u) put(w[u]);
      }
      if (rest > 0) {
        decode_weights(format, load_bytes(in), zero, w);
        // The row of A goes on behind the last code of a piece: weights there must be 0.
        if (rest % 4 != 0)
          w[rest / 4] =
              and_bits(w[rest / 4], broadcast_i(static_cast<std::int32_t>((1u << 8 * (rest % 4)) - 1)));
        for (unsigned u = 0; u < (rest + 3) / 4; ++u) put(w[u]);
      }
      sums[v] = ends ? broadcast_i(0) : sum;
      if (!ends) continue;
      store_i(terms.start[g] + v * kLanes, kSums ? mul_i(E::total(sum), broadcast_i(factor)) : sum);
      store_f(terms.scales[g] + v * kLanes, group_scales(h, piece.run->group, v));
    }
    codes += std::size_t{steps + (rest > 0)} * kVecs * kVectorBytes;
    first_quad += piece.quads();
    g += ends;
  }
}

/// The terms of s8 weights that are multiplied as they lie in the panel. For a single row this is half of the
/// work, and faster with all vectors side by side.
template <class E, unsigned kVecs>
void sum_groups(const PanelHeader& h, const Chunk& chunk, std::int32_t factor, GroupTerms& terms) {
  const std::byte* weights = chunk.codes;
  unsigned g = 0;
  VecI sum[kVecs];
  for (unsigned v = 0; v < kVecs; ++v) sum[v] = broadcast_i(0);
  for (unsigned p = 0; p < chunk.count; ++p) {
    if (factor != 0)
      for (std::uint32_t q = 0; q < chunk.pieces[p].quads(); ++q)
        for (unsigned v = 0; v < kVecs; ++v, weights += kVectorBytes)
          sum[v] = E::add_weights(sum[v], load_bytes(weights));
    if (!chunk.pieces[p].flush && p + 1 < chunk.count) continue;
    for (unsigned v = 0; v < kVecs; ++v) {
      store_i(terms.start[g] + v * kLanes, mul_i(E::total(sum[v]), broadcast_i(factor)));
      store_f(terms.scales[g] + v * kLanes, group_scales(h, chunk.pieces[p].run->group, v));
      sum[v] = broadcast_i(0);
    }
    ++g;
  }
}

/// The weights of a chunk as the engine multiplies them: in the panel, or decoded into `buffer`.
template <class E, bool kGrouped, unsigned kVecs>
const std::byte* chunk_weights(const PanelHeader& h, const Chunk& chunk, std::byte* buffer,
                               std::int32_t factor, GroupTerms& terms) {
  if constexpr (!E::kDecodes) {
    if constexpr (kGrouped) sum_groups<E, kVecs>(h, chunk, factor, terms);
    return chunk.codes;
  } else {
    const auto decode = kGrouped && factor != 0 ? decode_chunk<E, kGrouped, kGrouped, kVecs>
                                                : decode_chunk<E, kGrouped, false, kVecs>;
    decode(h, chunk, buffer, factor, terms);
    return buffer;
  }
}

}  // namespace
}  // namespace lowbit::kernels
