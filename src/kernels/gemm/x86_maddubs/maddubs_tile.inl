// The register tile of kernels without a dot-product instruction. Products of bytes stay in 16-bit lanes for
// a batch of K before they widen: a multiplication and an addition for every 8 bytes of a lane pair in place
// of three instructions. Exact because weights are small, or were split into two small parts:
//
//   mode    |part|   255 * 2 * |part| * quads of a batch
//   Pairs   <= 64    32,640      any two neighbours whose absolute sum is at most 128
//   Codes4  <= 15    30,600      u4 with any zero point
//   Codes8  <= 8     32,640      u4 around 8, s2
//   Split   <= 8     32,640      weight = 16 * high + low
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_chunk.inl"
#include "kernels/gemm/x86_maddubs/maddubs_vocabulary.inl"
#include "kernels/simd/keep_pointer.inl"

namespace lowbit::x86_maddubs {
namespace {

struct Pairs {
  static constexpr unsigned kParts = 1, kBatch = 1;
};
struct Codes4 {
  static constexpr unsigned kParts = 1, kBatch = 4;
};
struct Codes8 {
  static constexpr unsigned kParts = 1, kBatch = 8;
};
struct Split {
  static constexpr unsigned kParts = 2, kBatch = 8;
};

/// kRows x kVecs sums over a batch of quads. Weights lie as [quad][vector][part].
template <class M, unsigned kRows, unsigned kVecs>
struct MaddubsTile {
  static constexpr unsigned kStreams = kVecs * M::kParts;  // vectors of weights that a quad multiplies

  VecI sum[kRows][kVecs];

  template <unsigned kQuads>
  inline __attribute__((always_inline)) void batch(const std::uint8_t* a, const std::ptrdiff_t* offset,
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

  inline __attribute__((always_inline)) void add(const std::int32_t* open) {
    keep_one_pointer(open);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v)
        sum[i][v] = add_i(sum[i][v], load_i(open + i * kColumns + v * kLanes));
  }
  inline __attribute__((always_inline)) void load(const std::int32_t* open) {
    keep_one_pointer(open);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) sum[i][v] = load_i(open + i * kColumns + v * kLanes);
  }
  inline __attribute__((always_inline)) void store(std::int32_t* open) const {
    keep_one_pointer(open);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) store_i(open + i * kColumns + v * kLanes, sum[i][v]);
  }
  inline __attribute__((always_inline)) void subtract(const std::int32_t* column_terms) {
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecI terms = load_i(column_terms + v * kLanes);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) sum[i][v] = sub_i(sum[i][v], terms);
    }
  }
  /// Subtracts row * column terms.
  inline __attribute__((always_inline)) void subtract_products(const std::int32_t* row_terms,
                                                               const std::int32_t* column_terms) {
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecI terms = load_i(column_terms + v * kLanes);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i)
        sum[i][v] = sub_i(sum[i][v], mul_i(broadcast_i(row_terms[i]), terms));
    }
  }
  /// closed = fma(float(sum), scale, closed).
  inline __attribute__((always_inline)) void flush(const float* scales, float* closed) const {
    keep_one_pointer(closed);
#pragma GCC unroll 64
    for (unsigned v = 0; v < kVecs; ++v) {
      const VecF scale = load_f(scales + v * kLanes);
#pragma GCC unroll 64
      for (unsigned i = 0; i < kRows; ++i) {
        float* f = closed + i * kColumns + v * kLanes;
        store_f(f, fma_f(to_float(sum[i][v]), scale, load_f(f)));
      }
    }
  }

 private:
  inline __attribute__((always_inline)) void widen(const VecI (&words)[kRows][kStreams]) {
    const VecI ones = broadcast_word(1), sixteens = broadcast_word(16);
#pragma GCC unroll 64
    for (unsigned i = 0; i < kRows; ++i)
#pragma GCC unroll 64
      for (unsigned v = 0; v < kVecs; ++v) {
        if constexpr (M::kParts == 1) {
          sum[i][v] = sum_words(words[i][v], ones);
        } else {
          sum[i][v] = add_i(sum_words(words[i][2 * v], ones), sum_words(words[i][2 * v + 1], sixteens));
        }
      }
  }
};

}  // namespace
}  // namespace lowbit::x86_maddubs
