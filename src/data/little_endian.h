// SPDX-License-Identifier: Apache-2.0
// Numbers of files that are little-endian, at any address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lowbit::data {

/// The bytes from `at` on are there: the caller has checked it.
inline std::uint16_t load_u16(std::span<const std::byte> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned>(bytes[at]) | static_cast<unsigned>(bytes[at + 1])
                                                                           << 8);
}
inline std::uint32_t load_u32(std::span<const std::byte> bytes, std::size_t at) {
  return load_u16(bytes, at) | static_cast<std::uint32_t>(load_u16(bytes, at + 2)) << 16;
}
inline std::uint64_t load_u64(std::span<const std::byte> bytes, std::size_t at) {
  return load_u32(bytes, at) | static_cast<std::uint64_t>(load_u32(bytes, at + 4)) << 32;
}

}  // namespace lowbit::data
