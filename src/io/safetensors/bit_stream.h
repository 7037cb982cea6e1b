// SPDX-License-Identifier: Apache-2.0
// Codes of 1 to 8 bits one after the other in little-endian words of 32 bits, lowest bits first: code i
// begins at bit i * bits, and may end in the next word. Words of a stream may lie apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lowbit::detail {

/// Words of a stream of `count` codes.
constexpr std::int64_t stream_words(std::int64_t count, int bits) {
  return (count * bits + 31) / 32;
}

/// The place of bit `bit` of a stream whose word w is word first + w * step of `words`.
struct BitPlace {
  std::size_t byte;
  int shift;
  BitPlace(std::int64_t bit, std::size_t first, std::size_t step)
      : byte((first + static_cast<std::size_t>(bit / 32) * step) * 4 +
             static_cast<std::size_t>(bit % 32 / 8)),
        shift(static_cast<int>(bit % 8)) {}
};

inline unsigned stream_code(std::span<const std::byte> words, std::int64_t index, int bits, std::size_t first,
                            std::size_t step) {
  const BitPlace at(index * bits, first, step), end(index * bits + bits - 1, first, step);
  unsigned code = static_cast<unsigned>(words[at.byte]) >> at.shift;
  if (end.byte != at.byte) code |= static_cast<unsigned>(words[end.byte]) << (8 - at.shift);
  return code & ((1u << bits) - 1);
}

inline void put_stream_code(std::span<std::byte> words, std::int64_t index, int bits, std::size_t first,
                            std::size_t step, unsigned code) {
  for (int b = 0; b < bits; ++b) {
    const BitPlace at(index * bits + b, first, step);
    words[at.byte] |= static_cast<std::byte>((code >> b & 1u) << at.shift);
  }
}

}  // namespace lowbit::detail
