// SPDX-License-Identifier: Apache-2.0
// The tile of kernels without a dot-product instruction. Products of bytes stay in 16-bit lanes for a batch
// of K before they widen: a multiplication and an addition for every 8 bytes of a lane pair in place of three
// instructions. Exact because weights are small, or were split into two small parts:
//
//   mode    |part|   255 * 2 * |part| * quads of a batch
//   Pairs   <= 64    32,640      any two neighbours whose absolute sum is at most 128
//   Codes4  <= 15    30,600      u4 with any zero point
//   Codes8  <= 8     32,640      u4 around 8, s2
//   Split   <= 8     32,640      weight = 16 * high + low
//
// The words take the registers: sums wait between batches in memory, 32 bits each.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/detail/compiler.h"

#include "kernels/gemm/common/x86_strip.inl"
#include "kernels/gemm/x86_maddubs/maddubs_int16_ops.inl"
#include "kernels/simd/keep_pointer.inl"

namespace lowbit::kernels::x86_maddubs {
namespace {

template <unsigned kQuads>
struct Whole {
  static constexpr unsigned kParts = 1, kBatch = kQuads;
  static void store_weights(std::byte* out, VecI w) { store_bytes(out, w); }
};
using Pairs = Whole<1>;
using Codes4 = Whole<4>;
using Codes8 = Whole<8>;

struct Split {
  static constexpr unsigned kParts = 2, kBatch = 8;
  static void store_weights(std::byte* out, VecI w) {
    const VecI eight = broadcast_byte(8);
    const VecI low = sub_bytes(xor_bits(and_bits(w, broadcast_byte(15)), eight), eight);
    // High is (w + 8) / 16 rounded down, from -8 to 8: w + 128 is a u8, and the halving rounds up.
    const VecI eighths = and_bits(shift_right<3>(xor_bits(w, broadcast_byte(128))), broadcast_byte(31));
    store_bytes(out, low);
    store_bytes(out + kVectorBytes, sub_bytes(halve_up(eighths), eight));
  }
};

/// Weights lie as [quad][vector][part].
template <class M, bool kGrouped, unsigned kRows, unsigned kVecs>
class MaddubsTile {
 public:
  static constexpr unsigned kStride = kColumns;

  /// `open`: where the sums of the open group are; there are some if `continues`.
  inline LOWBIT_ALWAYS_INLINE MaddubsTile(std::int32_t* open, bool continues)
      : open_(open), fresh_(!continues) {}

  /// `start` is as in GroupTerms. It is added as the group, or its part in a chunk, ends.
  inline LOWBIT_ALWAYS_INLINE void start_group(bool, const std::int32_t* row_zero,
                                               const std::int32_t* start) {
    row_zero_ = row_zero;
    start_ = start;
  }

  /// `quads` quads of codes; moves the weights. What `ends` a group stays in registers, for flush.
  inline LOWBIT_ALWAYS_INLINE void piece(const std::uint8_t* a, const std::ptrdiff_t* offset,
                                         std::uint32_t quads, bool ends, WeightStream& stream) {
    do {
      const unsigned step = quads >= M::kBatch ? M::kBatch : 1;
      if (step == M::kBatch) {
        batch<M::kBatch>(a, offset, stream.next);
      } else {
        batch<1>(a, offset, stream.next);
      }
      a += 4 * step;
      stream.next += step * kStreams * kVectorBytes;
      quads -= step;
      if (!fresh_) add(open_);
      fresh_ = kGrouped && ends && quads == 0;
      if (!fresh_) store();
    } while (quads > 0);
  }

  /// closed = fma(float(sum), scale, closed).
  inline LOWBIT_ALWAYS_INLINE void flush(const float* scales, float* closed) {
    add_start();
    keep_one_pointer(closed);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecF scale = load_f(scales + v * kLanes);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        float* f = closed + i * kColumns + v * kLanes;
        store_f(f, fma_f(to_float(sum_[i][v]), scale, load_f(f)));
      }
    }
  }

  /// The sums of one group were put aside all along.
  inline LOWBIT_ALWAYS_INLINE void put_aside(std::int32_t*) {
    if constexpr (kGrouped) {
      load();
      add_start();
      store();
    }
  }

  /// The groups of an even chunk, a batch each: what a segment may be else costs a tenth of the time.
  static inline LOWBIT_ALWAYS_INLINE void run_even_groups(const Strip& strip, const std::byte* weights,
                                                          unsigned i, unsigned v,
                                                          const std::int32_t* row_zero, float* closed) {
    const std::uint8_t* a = strip.segments[0].a;
    std::ptrdiff_t offset[kRows];
#pragma GCC unroll 64
    for (unsigned r = 0; r < kRows; ++r) offset[r] = strip.segments[0].offset[i + r];
    MaddubsTile tile(nullptr, false);
    for (unsigned g = 0; g < strip.chunk.count; ++g) {
      tile.start_group(false, row_zero, strip.terms.start[g] + v * kLanes);
      tile.template batch<M::kBatch>(a, offset, weights);
      a += 4 * M::kBatch;
      weights += M::kBatch * kStreams * kVectorBytes;
      tile.flush(strip.terms.scales[g] + v * kLanes, closed);
    }
  }

 private:
  static constexpr unsigned kStreams = kVecs * M::kParts;  // vectors of weights that a quad multiplies

  std::int32_t* open_;
  bool fresh_;  // the next batch starts the group
  const std::int32_t *row_zero_ = nullptr, *start_ = nullptr;
  VecI sum_[kRows][kVecs];

  /// kRows x kVecs sums over a batch of quads.
  template <unsigned kQuads>
  inline LOWBIT_ALWAYS_INLINE void batch(const std::uint8_t* a, const std::ptrdiff_t* offset,
                                         const std::byte* b) {
    VecI words[kRows][kStreams];
#pragma GCC unroll 64
    for (unsigned q = 0; q < kQuads; ++q) {
      VecI w[kStreams];
#pragma GCC unroll 64
      for (unsigned s = 0; s < kStreams; ++s) w[s] = load_bytes(b + (q * kStreams + s) * kVectorBytes);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        const VecI codes = broadcast_4_codes(a + offset[i] + 4 * q);
#pragma GCC unroll 64
        for (unsigned s = 0; s < kStreams; ++s) {
          const VecI products = mul_pairs(codes, w[s]);
          words[i][s] = q == 0 ? products : add_words(words[i][s], products);
        }
      }
    }
    widen(words);
  }

  inline LOWBIT_ALWAYS_INLINE void add(const std::int32_t* open) {
    keep_one_pointer(open);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
        sum_[i][v] = add_i(sum_[i][v], load_i(open + i * kColumns + v * kLanes));
  }
  inline LOWBIT_ALWAYS_INLINE void load() {
    const std::int32_t* open = open_;
    keep_one_pointer(open);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) sum_[i][v] = load_i(open + i * kColumns + v * kLanes);
  }
  inline LOWBIT_ALWAYS_INLINE void store() const {
    std::int32_t* open = open_;
    keep_one_pointer(open);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) store_i(open + i * kColumns + v * kLanes, sum_[i][v]);
  }
  inline LOWBIT_ALWAYS_INLINE void add_start() {
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecI start = load_i(start_ + v * kLanes);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
        sum_[i][v] =
            row_zero_ ? sub_i(sum_[i][v], mul_i(broadcast_i(row_zero_[i]), start)) : add_i(sum_[i][v], start);
    }
  }
  inline LOWBIT_ALWAYS_INLINE void widen(const VecI (&words)[kRows][kStreams]) {
    const VecI ones = broadcast_word(1), sixteens = broadcast_word(16);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) {
        if constexpr (M::kParts == 1) {
          sum_[i][v] = sum_words(words[i][v], ones);
        } else {
          sum_[i][v] = add_i(sum_words(words[i][2 * v], ones), sum_words(words[i][2 * v + 1], sixteens));
        }
      }
  }
};

}  // namespace
}  // namespace lowbit::kernels::x86_maddubs
