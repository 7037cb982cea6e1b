// SPDX-License-Identifier: Apache-2.0
// One symbol after the other, from symbol `from` and word `word` on: the reference, and the end of what
// vectorized decoders do. While there are words for every state, states take turns without a branch: whether
// one takes in a word is a coin toss that no processor guesses, and the states do not wait for each other.
#include <cstdint>

#include "kernels/coding/rans_kernel.h"
#include "lowbit/core/detail/compiler.h"

namespace lowbit::kernels {
namespace {

inline std::int64_t decode_from(const RansDecode& d, std::int64_t from, std::int64_t word) {
  // Copies: a symbol that is stored might be any of these, for all that the compiler knows.
  const std::uint32_t* const table = d.table;
  const std::uint16_t* const words = d.words;
  std::uint32_t* const states = d.states;
  std::uint8_t* const out = d.out;
  const std::int64_t count = d.count, word_count = d.word_count, streams = d.streams;
  std::int64_t i = from;
  const auto turn = [&](std::uint32_t& state, std::uint8_t& symbol) {
    const std::uint32_t entry = table[state & ((1u << kRansBits) - 1)];
    symbol = static_cast<std::uint8_t>(entry >> 24);
    const std::uint32_t x = (state >> kRansBits) * ((entry >> 12 & 4095) + 1) + (entry & 4095);
    const std::uint32_t takes = x < kRansLow ? 1u : 0u;
    state = x << (takes << 4) | (words[word] & (0u - takes));
    word += takes;
  };
  if (i % streams == 0 && streams % 4 == 0)
    for (; count - i >= streams && word_count - word >= streams; i += streams)
      for (std::int64_t lane = 0; lane < streams; lane += 4) {
        std::uint32_t a = states[lane], b = states[lane + 1], c = states[lane + 2], e = states[lane + 3];
        turn(a, out[i + lane]), turn(b, out[i + lane + 1]), turn(c, out[i + lane + 2]),
            turn(e, out[i + lane + 3]);
        states[lane] = a, states[lane + 1] = b, states[lane + 2] = c, states[lane + 3] = e;
      }
  std::int64_t lane = i % streams;
  for (; i < count; ++i) {
    std::uint32_t x = states[lane];
    const std::uint32_t entry = table[x & ((1u << kRansBits) - 1)];
    out[i] = static_cast<std::uint8_t>(entry >> 24);
    x = (x >> kRansBits) * ((entry >> 12 & 4095) + 1) + (entry & 4095);
    if (x < kRansLow) {
      if (word == word_count) return -1;
      x = x << 16 | words[word++];
    }
    states[lane] = x;
    if (++lane == streams) lane = 0;
  }
  return word;
}

/// Where symbols and words go on.
struct RansPlace {
  std::int64_t symbol, word;
};

/// Whole turns of kRansLanes states, as long as there are words for all of them: turn(words, out) decodes a
/// symbol of each and moves `words`.
template <class Turn>
inline LOWBIT_ALWAYS_INLINE RansPlace decode_turns(const RansDecode& d, const Turn& turn) {
  const std::uint16_t* words = d.words;
  const std::uint16_t* const end = d.words + d.word_count;
  std::uint8_t* const out = d.out;
  const std::int64_t count = d.count;
  std::int64_t at = 0;
  // A turn takes as many words at most, and reads none beyond those.
  for (; at + kRansLanes <= count && end - words >= kRansLanes; at += kRansLanes) turn(words, out + at);
  return {at, words - d.words};
}

}  // namespace
}  // namespace lowbit::kernels
