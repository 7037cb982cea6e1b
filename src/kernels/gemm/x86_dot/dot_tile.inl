// SPDX-License-Identifier: Apache-2.0
// The tile that keeps its sums in registers: kRows x kVecs accumulators over s8 weights, activations
// broadcast from memory, and dot products of four codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/x86_strip.inl"
#include "kernels/simd/fetch_ahead.inl"
#include "kernels/simd/keep_pointer.inl"

namespace lowbit::kernels::x86_dot {
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

/// With few accumulators kSplit sets take turns, since a dot-product instruction must wait for the last one
/// on its accumulator (5 cycles, 2 a cycle: 10 chains).
template <unsigned kRows, unsigned kVecs>
class DotTile {
 public:
  static constexpr unsigned kStride = kVecs * kLanes;

  /// Goes on with the sums at `open` if `continues`; else the caller starts a group.
  inline LOWBIT_ALWAYS_INLINE DotTile(const std::int32_t* open, bool continues) {
    if (!continues) return;
    keep_one_pointer(open);
    clear_others();
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) acc_[0][i][v] = load_i(open + (i * kVecs + v) * kLanes);
  }

  /// Starts a group, or goes on with one: `start` is as in GroupTerms. Accumulators start there, so that the
  /// integer of a group is exact whatever the zero points are.
  inline LOWBIT_ALWAYS_INLINE void start_group(bool continues, const std::int32_t* row_zero,
                                               const std::int32_t* start) {
    clear_others();
    keep_one_pointer(start);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecI s = load_i(start + v * kLanes);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        VecI term = s;
        if (row_zero) term = sub_i(broadcast_i(0), mul_i(broadcast_i(row_zero[i]), s));
        acc_[0][i][v] = continues ? add_i(acc_[0][i][v], term) : term;
      }
    }
  }

  /// `quads` quads of codes; moves the weights.
  inline LOWBIT_ALWAYS_INLINE void piece(const std::uint8_t* a, const std::ptrdiff_t* offset,
                                         std::uint32_t quads, bool, WeightStream& stream) {
    const std::byte*& b = stream.next;
    for (; quads >= kUnroll; quads -= kUnroll) {
      keep_in_memory<kRows>(offset);
      if constexpr (kChains * 2 > kAccumulators) {
        fetch_to_l2(stream.ahead);
        stream.ahead += stream.ahead_step;
      }
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

  inline LOWBIT_ALWAYS_INLINE VecI sum(unsigned i, unsigned v) const {
    VecI s = acc_[0][i][v];
#pragma GCC unroll 64
    for (unsigned t = 1; t < kSplit; ++t) s = add_i(s, acc_[t][i][v]);
    return s;
  }
  inline LOWBIT_ALWAYS_INLINE void put_aside(std::int32_t* open) const {
    keep_one_pointer(open);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) store_i(open + (i * kVecs + v) * kLanes, sum(i, v));
  }
  /// closed = fma(float(sum), scale, closed). The float sums stay in memory: a tile of half the accumulators,
  /// with these in registers, was slower for groups of 32 codes already.
  inline LOWBIT_ALWAYS_INLINE void flush(const float* scales, float* closed) const {
    keep_one_pointer(closed);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecF scale = load_f(scales + v * kLanes);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        float* f = closed + (i * kVecs + v) * kLanes;
        store_f(f, fma_f(to_float(sum(i, v)), scale, load_f(f)));
      }
    }
  }

 private:
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

  VecI acc_[kSplit][kRows][kVecs];

  /// Accumulators start at 0 but for the first set.
  inline LOWBIT_ALWAYS_INLINE void clear_others() {
#pragma GCC unroll 64
    for (unsigned s = 1; s < kSplit; ++s)
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
        for (unsigned v = 0; v < kVecs; ++v) acc_[s][i][v] = broadcast_i(0);
  }

  /// kSteps quads of codes: row i of A starts at a + offset[i], the weights lie at b.
  template <unsigned kSteps>
  inline LOWBIT_ALWAYS_INLINE void steps(const std::uint8_t* a, const std::ptrdiff_t* offset,
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
              acc_[u % kSplit][i][v] = dot4(acc_[u % kSplit][i][v], codes, w[t][v]);
          }
    }
  }
};

}  // namespace
}  // namespace lowbit::kernels::x86_dot
