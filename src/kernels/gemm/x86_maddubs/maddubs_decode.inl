// Turns a chunk of packed weights into the bytes that maddubs_tile.inl multiplies, once for all rows of a
// strip.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/x86_maddubs/maddubs_tile.inl"

namespace lowbit::x86_maddubs {
namespace {

// Quads of codes in a chunk; groups that may end in it.
constexpr unsigned kChunkQuads = 64, kChunkGroups = 16;
constexpr unsigned kMaxParts = 2;

/// One entry for each group that a chunk touches.
struct GroupTerms {
  alignas(64) float scales[kChunkGroups + 1][kColumns];
  alignas(64) std::int32_t
      sums[kChunkGroups + 1][kColumns];  // of the group's weights within this chunk, or a multiple of that
};

/// [tile of vectors][quad][vector][part], a tile being as many vectors as make two streams.
struct Decoded {
  alignas(64) std::byte bytes[kChunkQuads * kTileVecs * kMaxParts * kVectorBytes];
};

inline std::uint32_t quads_of(const Piece& piece) {
  return (piece.codes + 3) / 4;
}
inline std::uint32_t quads_of(const Chunk& chunk) {
  std::uint32_t quads = 0;
  for (unsigned p = 0; p < chunk.count; ++p) quads += quads_of(chunk.pieces[p]);
  return quads;
}

/// Vectors of columns in a tile.
template <class M, unsigned kVecs>
constexpr unsigned kTileWidth = kVecs* M::kParts > kTileVecs ? kTileVecs / M::kParts : kVecs;

/// Where the weights of one vector of columns go.
template <class M, unsigned kVecs>
struct Sink {
  std::byte* first;  // of the vector's tile
  inline void put(std::uint32_t quad, VecI w) const {
    constexpr unsigned kStep = kTileWidth<M, kVecs> * M::kParts * kVectorBytes;
    if constexpr (M::kParts == 1) {
      store_bytes(first + quad * kStep, w);
    } else {
      const VecI eight = broadcast_byte(8);
      const VecI low = sub_bytes(xor_bits(and_bits(w, broadcast_byte(15)), eight), eight);
      // High is (w + 8) / 16 rounded down, from -8 to 8: w + 128 is a u8, and the halving rounds up.
      const VecI eighths = and_bits(shift_right<3>(xor_bits(w, broadcast_byte(128))), broadcast_byte(31));
      store_bytes(first + quad * kStep, low);
      store_bytes(first + quad * kStep + kVectorBytes, sub_bytes(halve_up(eighths), eight));
    }
  }
};

template <class M, unsigned kVecs>
inline Sink<M, kVecs> sink(std::byte* out, std::uint32_t quads, unsigned v) {
  constexpr unsigned kWide = kTileWidth<M, kVecs>;
  return {out + (v / kWide * quads * kWide + v % kWide) * M::kParts * kVectorBytes};
}

/// The s8 weights of one vector of the panel.
template <class F>
inline void decode_vector(const F& format, VecI packed, VecI zero, VecI* w) {
  if constexpr (F::kPlain) {
    w[0] = packed;
  } else {
    format.decode(packed, w);
#pragma GCC unroll 4
    for (unsigned u = 0; u < F::kVectors; ++u) w[u] = sub_bytes(w[u], zero);
  }
}

/// The format's constants; plain formats have none.
template <class F>
inline F make_format(const PanelHeader& h) {
  if constexpr (F::kPlain) {
    return F();
  } else {
    return F(h.levels);
  }
}

/// With kSums, terms.sums become `factor` times the sum of weights, else 0.
template <class F, class M, unsigned kVecs, bool kSums>
void decode_chunk(const PanelHeader& h, const Chunk& chunk, std::byte* out, std::int32_t factor,
                  GroupTerms& terms) {
  const F format = make_format<F>(h);
  const std::uint32_t all = quads_of(chunk);
  // Of 256 codes, so that the words of a vector of s8 hold their sum.
  const VecI ones = broadcast_byte(1);
  for (unsigned v = 0; v < kVecs; ++v) {
    const Sink<M, kVecs> to = sink<M, kVecs>(out, all, v);
    const std::byte* in = chunk.codes + v * kVectorBytes;
    std::uint32_t first = 0;
    unsigned g = 0;
    VecI sum = broadcast_i(0);
    for (unsigned p = 0; p < chunk.count; ++p) {
      const Piece& piece = chunk.pieces[p];
      const VecI zero = repeat_low_byte(group_zeros(h, h.groups == 1 ? 0 : piece.run->group, v));
      const std::uint32_t quads = quads_of(piece), whole = piece.codes / kStepCodes * F::kVectors;
      VecI w[F::kVectors];
      std::uint32_t q = 0;
      for (; q < whole; q += F::kVectors, in += kVecs * kVectorBytes) {
        decode_vector(format, load_bytes(in), zero, w);
#pragma GCC unroll 4
        for (unsigned u = 0; u < F::kVectors; ++u) {
          if constexpr (kSums) sum = add_words(sum, mul_pairs(ones, w[u]));
          to.put(first + q + u, w[u]);
        }
      }
      if (q < quads) {
        decode_vector(format, load_bytes(in), zero, w);
        in += kVecs * kVectorBytes;
        // The row of A goes on behind the last code of a piece: weights there must be 0.
        const std::uint32_t odd = piece.codes % 4;
        for (unsigned u = 0; q < quads; ++q, ++u) {
          if (odd != 0 && q + 1 == quads)
            w[u] = and_bits(w[u], broadcast_i(static_cast<std::int32_t>((1u << 8 * odd) - 1)));
          if constexpr (kSums) sum = add_words(sum, mul_pairs(ones, w[u]));
          to.put(first + q, w[u]);
        }
      }
      first += quads;
      if (!piece.flush && p + 1 < chunk.count) continue;
      const VecI total = kSums ? mul_i(sum_words(sum, broadcast_word(1)), broadcast_i(factor)) : sum;
      store_i(terms.sums[g] + v * kLanes, total);
      sum = broadcast_i(0);
      ++g;
    }
  }
}

inline void load_scales(const PanelHeader& h, const Chunk& chunk, unsigned vecs, GroupTerms& terms) {
  unsigned g = 0;
  for (unsigned p = 0; p < chunk.count; ++p) {
    if (!chunk.pieces[p].flush) continue;
    for (unsigned v = 0; v < vecs; ++v)
      store_f(terms.scales[g] + v * kLanes, group_scales(h, chunk.pieces[p].run->group, v));
    ++g;
  }
}

}  // namespace
}  // namespace lowbit::x86_maddubs
