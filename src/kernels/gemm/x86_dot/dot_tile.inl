// The register tile of the dot_*.inl kernels: kRows x kVecs accumulators over s8 weights, activations
// broadcast from memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_chunk.inl"
#include "kernels/simd/fetch_ahead.inl"
#include "kernels/simd/keep_pointer.inl"

namespace lowbit::x86_dot {
namespace {

/// Tall tiles have more row offsets than registers. Hoisted out of the loop they would be spilled and
/// reloaded, which costs more than loading each where it is used: hides from the compiler that they do not
/// change.
template <unsigned kRows>
inline void keep_in_memory([[maybe_unused]] const std::ptrdiff_t*& offset) {
#if defined(__GNUC__)
  if constexpr (kRows > kRegisterOffsets) asm("" : "+r"(offset));
#endif
}

/// The weights of a tile, and where it brings weights of later chunks into the L2 cache, a line a step: the
/// dot products do not wait for memory then.
struct WeightStream {
  const std::byte* next;
  const std::byte* ahead;
  std::size_t ahead_step;  // 64, or 0 when all of the next chunk is under way

  inline __attribute__((always_inline)) void fetch_ahead() {
    fetch_to_l2(ahead);
    ahead += ahead_step;
  }
};

/// With few accumulators kSplit sets take turns, since a dot-product instruction must wait for the last one
/// on its accumulator (5 cycles, 2 a cycle: 10 chains).
template <unsigned kRows, unsigned kVecs>
struct Tile {
  static constexpr unsigned kChains = kRows * kVecs;
  static constexpr unsigned kSplit = !kDotWaits || kChains >= 9 || kChains * 2 > kAccumulators ? 1
                                     : kChains >= 5 || kChains * 4 > kAccumulators             ? 2
                                                                                               : 4;
  static constexpr unsigned kMinUnroll = kVecs == 1 || kRows == 1 ? 4 : 2;
  static constexpr unsigned kUnroll = kMinUnroll > kSplit ? kMinUnroll : kSplit;
  // Steps whose weights are in registers at a time.
  static constexpr unsigned kTogether = kVecs == 1 ? kUnroll : kVecs == 2 && kTileVecs > 2 ? 2 : 1;
  // Rows whose addresses are held in registers at a time.
  static constexpr unsigned kBlock = kRows < 6 ? kRows : 6;

  VecI acc[kSplit][kRows][kVecs];

  /// Accumulators start at 0 but for the first set, which the caller fills.
  inline __attribute__((always_inline)) void clear_others() {
#pragma GCC unroll 64
    for (unsigned s = 1; s < kSplit; ++s)
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v) acc[s][i][v] = broadcast_i(0);
  }
  inline __attribute__((always_inline)) void clear() {
    clear_others();
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) acc[0][i][v] = broadcast_i(0);
  }
  inline __attribute__((always_inline)) void load(const std::int32_t* sums) {
    keep_one_pointer(sums);
    clear_others();
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) acc[0][i][v] = load_i(sums + (i * kVecs + v) * kLanes);
  }
  inline __attribute__((always_inline)) VecI sum(unsigned i, unsigned v) const {
    VecI s = acc[0][i][v];
#pragma GCC unroll 64
    for (unsigned t = 1; t < kSplit; ++t) s = add_i(s, acc[t][i][v]);
    return s;
  }
  inline __attribute__((always_inline)) void store(std::int32_t* sums) const {
    keep_one_pointer(sums);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) store_i(sums + (i * kVecs + v) * kLanes, sum(i, v));
  }

  /// kSteps quads of codes: row i of A starts at a + offset[i], the weights lie at b.
  template <unsigned kSteps>
  inline __attribute__((always_inline)) void steps(const std::uint8_t* a, const std::ptrdiff_t* offset,
                                                   const std::byte* b) {
#pragma GCC unroll 64
    for (unsigned u0 = 0; u0 < kSteps; u0 += kTogether) {
      VecI w[kTogether][kVecs];
#pragma GCC unroll 64
      for (unsigned t = 0; t < kTogether; ++t)
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v) {
          if (u0 + t >= kSteps) break;
          w[t][v] = load_bytes(b + ((u0 + t) * kVecs + v) * kVectorBytes);
          if constexpr (kRows > 1) keep_in_register(w[t][v]);
        }
#pragma GCC unroll 64
      for (unsigned i0 = 0; i0 < kRows; i0 += kBlock)
#pragma GCC unroll 64
        for (unsigned t = 0; t < kTogether; ++t)
#pragma GCC unroll 64
          for (unsigned r = 0; r < kBlock; ++r) {
            const unsigned i = i0 + r, u = u0 + t;
            if (i >= kRows || u >= kSteps) break;
            const VecI codes = broadcast_4_codes(a + offset[i] + 4 * u);
#pragma GCC unroll 64
            for (unsigned v = 0; v < kVecs; ++v)
              acc[u % kSplit][i][v] = dot4(acc[u % kSplit][i][v], codes, w[t][v]);
          }
    }
  }

  /// `quads` quads of codes; moves the weights.
  inline __attribute__((always_inline)) void piece(const std::uint8_t* a, const std::ptrdiff_t* offset,
                                                   std::uint32_t quads, WeightStream& stream) {
    const std::byte*& b = stream.next;
    for (; quads >= kUnroll; quads -= kUnroll) {
      keep_in_memory<kRows>(offset);
      if constexpr (kChains * 2 > kAccumulators) stream.fetch_ahead();
      if constexpr (kRows == 1) {
#pragma GCC unroll 64
        for (unsigned at = 0; at < kVectorBytes * kVecs * kUnroll; at += 64)
          fetch_to_l2(b + kAheadBytes + at);
      }
      steps<kUnroll>(a, offset, b);
      a += 4 * kUnroll;
      b += kVectorBytes * kVecs * kUnroll;
    }
    if constexpr (kUnroll > 1) {
      for (; quads > 0; --quads) {
        steps<1>(a, offset, b);
        a += 4;
        b += kVectorBytes * kVecs;
      }
    }
  }
};

}  // namespace
}  // namespace lowbit::x86_dot
