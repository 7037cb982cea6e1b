// SPDX-License-Identifier: Apache-2.0
// What reader and writer have to agree on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "io/gguf/ggml_blocks.h"
#include "lowbit/io/gguf/gguf_value.h"

namespace lowbit::detail {

inline constexpr std::string_view kGgufMagic = "GGUF";
inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr std::uint64_t kDefaultAlignment = 32;

/// The specification asks for multiples of 8, llama.cpp for powers of two.
inline bool is_gguf_alignment(const GgufValue& value) {
  if (value.type() != GgufValueType::u32) return false;
  const std::int64_t n = value.integer();
  return n > 0 && (n % 8 == 0 || (n & (n - 1)) == 0);
}

inline std::uint64_t padding_to(std::uint64_t at, std::uint64_t alignment) {
  return (alignment - at % alignment) % alignment;
}

/// Bytes of a tensor; nothing where its dimensions cannot be: negative ones, rows of a part of a block, more
/// than 2^62 of anything.
inline std::optional<std::uint64_t> tensor_bytes(const ggml::BlockType& type,
                                                 std::span<const std::int64_t> shape) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  std::uint64_t bytes = type.bytes, elements = 1;
  bool empty = false;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] < 0) return std::nullopt;
    // Beside a dimension of 0, too, products must not overflow.
    auto dim = static_cast<std::uint64_t>(std::max<std::int64_t>(shape[i], 1));
    empty = empty || shape[i] == 0;
    if (elements > kMost / dim) return std::nullopt;
    elements *= dim;
    if (i + 1 == shape.size() && shape[i] != 0) {
      if (dim % type.elements != 0) return std::nullopt;
      dim /= type.elements;
    }
    if (bytes > kMost / dim) return std::nullopt;
    bytes *= dim;
  }
  if (shape.empty() && type.elements != 1) return std::nullopt;
  return empty ? 0 : bytes;
}

}  // namespace lowbit::detail
