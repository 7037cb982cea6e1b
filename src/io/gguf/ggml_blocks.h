// SPDX-License-Identifier: Apache-2.0
// Blocks of GGUF files, taken apart and put together: one description for each type, from which floats,
// matrices and blocks follow.
#pragma once

#include <array>
#include <cstdint>

#include "lowbit/io/gguf/ggml_type.h"

namespace lowbit::detail::ggml {

inline constexpr std::size_t kMostElements = 256, kMostGroups = 16;

/// Weight i of group g stands for scales[g] * (levels ? levels[q[i]] : q[i] - zero) + offsets[g].
struct Block {
  std::array<std::uint8_t, kMostElements> q{};
  std::array<float, kMostGroups> scales{}, offsets{};
};

struct BlockType {
  GgmlType type;
  const char* name;
  std::uint16_t elements, bytes;  ///< of a block
  // What follows is 0 where lowbit does not take blocks apart.
  std::uint16_t group = 0;  ///< weights that have a scale
  std::uint8_t bits = 0;    ///< of q
  std::uint8_t zero = 0;
  bool has_offsets = false;
  bool has_signed_scales = false;  ///< of k-quants: scales of groups are of either sign
  const std::int8_t* levels = nullptr;
  void (*unpack)(const std::uint8_t* bytes, Block& block) = nullptr;
  void (*pack)(const Block& block, std::uint8_t* bytes) = nullptr;  ///< scales are numbers that it has
};

/// Null for a number that is no type.
const BlockType* find_block_type(GgmlType type) noexcept;

}  // namespace lowbit::detail::ggml
