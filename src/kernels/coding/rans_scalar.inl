// SPDX-License-Identifier: Apache-2.0
// One symbol after the other, from symbol `from` and word `word` on: the reference, and the end of what
// vectorized decoders do.
#include <cstdint>

#include "kernels/coding/rans_kernel.h"

namespace lowbit::kernels {
namespace {

inline std::int64_t decode_from(const RansDecode& d, std::int64_t from, std::int64_t word) {
  int lane = static_cast<int>(from % d.streams);
  for (std::int64_t i = from; i < d.count; ++i) {
    std::uint32_t x = d.states[lane];
    const std::uint32_t entry = d.table[x & ((1u << kRansBits) - 1)];
    d.out[i] = static_cast<std::uint8_t>(entry >> 24);
    x = (x >> kRansBits) * ((entry >> 12 & 4095) + 1) + (entry & 4095);
    if (x < kRansLow) {
      if (word == d.word_count) return -1;
      x = x << 16 | d.words[word++];
    }
    d.states[lane] = x;
    if (++lane == d.streams) lane = 0;
  }
  return word;
}

}  // namespace
}  // namespace lowbit::kernels
