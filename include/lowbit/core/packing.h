// SPDX-License-Identifier: Apache-2.0
// Packing of 4-bit, 2-bit and 1-bit codes into bytes, as files store them and kernels read them: low bits
// first, a row starts at a byte, the unused bits of the last byte are zero.
//
//   u4:  byte i = code[2i] | code[2i+1] << 4          s2:  byte i = code[4i] | code[4i+1] << 2 | ... |
//   code[4i+3] << 6
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lowbit/core/config.h"

namespace lowbit {

/// Bytes that `count` codes of `bits` bits take; bits is 1, 2, 4 or 8.
constexpr std::size_t packed_bytes(std::size_t count, int bits) {
  const std::size_t per_byte = 8u / static_cast<unsigned>(bits);
  return count / per_byte + (count % per_byte != 0);
}

/// Codes in [0, 15] (higher bits are cut off). Throws Error(shape_mismatch) unless out has packed_bytes(n, 4)
/// bytes.
void pack_u4(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out);
void unpack_u4(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> codes);
/// Codes in [0, 3]; as above with packed_bytes(n, 2).
void pack_u2(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out);
void unpack_u2(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> codes);
/// Codes in [0, 1], eight a byte; as above with packed_bytes(n, 1).
void pack_u1(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out);
void unpack_u1(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> codes);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/packing-inl.h"
#endif
