// SPDX-License-Identifier: Apache-2.0
// Packing of codes of 4 and 2 bits, and back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/codes.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

/// kBlock bytes of codes, kPerByte (2 or 4) in each.
template <unsigned kPerByte>
inline void pack_block(std::uint8_t* bytes, const std::uint8_t* codes) {
  store_b(bytes, kPerByte == 2 ? pack_nibbles(codes) : pack_crumbs(codes));
}

/// kBlock codes, kPerByte from each byte.
template <unsigned kPerByte>
inline void unpack_block(std::uint8_t* codes, const std::uint8_t* bytes) {
  store_b(codes, kPerByte == 2 ? unpack_nibbles(bytes) : unpack_crumbs(bytes));
}

// Whole blocks, then one that ends with the last whole byte and overlaps the one before, then the codes of
// the last byte through a buffer. Short arrays go through the buffer as a whole.

template <unsigned kPerByte>
void pack_codes_of(const std::uint8_t* codes, std::size_t n, std::uint8_t* bytes) {
  constexpr std::size_t kCodes = kPerByte * kBlock;
  std::size_t done = 0;  // bytes
  if (const std::size_t whole = n / kPerByte; whole >= kBlock) {
    for (; done < whole - kBlock; done += kBlock) pack_block<kPerByte>(bytes + done, codes + done * kPerByte);
    pack_block<kPerByte>(bytes + (whole - kBlock), codes + (whole - kBlock) * kPerByte);
    done = whole;
  }
  const std::size_t left = n - done * kPerByte;
  if (left == 0) return;
  std::uint8_t in[kCodes] = {}, packed[kBlock];
  __builtin_memcpy(in, codes + done * kPerByte, left);
  pack_block<kPerByte>(packed, in);
  __builtin_memcpy(bytes + done, packed, (left + kPerByte - 1) / kPerByte);
}

template <unsigned kPerByte>
void unpack_codes_of(const std::uint8_t* bytes, std::size_t n, std::uint8_t* codes) {
  constexpr std::size_t kBytes = kBlock / kPerByte;
  std::size_t done = 0;  // bytes
  if (const std::size_t whole = n / kPerByte; whole >= kBytes) {
    for (; done < whole - kBytes; done += kBytes)
      unpack_block<kPerByte>(codes + done * kPerByte, bytes + done);
    unpack_block<kPerByte>(codes + (whole - kBytes) * kPerByte, bytes + (whole - kBytes));
    done = whole;
  }
  const std::size_t left = n - done * kPerByte;
  if (left == 0) return;
  std::uint8_t in[kBytes] = {}, unpacked[kBlock];
  __builtin_memcpy(in, bytes + done, (left + kPerByte - 1) / kPerByte);
  unpack_block<kPerByte>(unpacked, in);
  __builtin_memcpy(codes + done * kPerByte, unpacked, left);
}

void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* bytes) {
  if (bits == 4) {
    pack_codes_of<2>(codes, n, bytes);
  } else {
    pack_codes_of<4>(codes, n, bytes);
  }
}

void unpack(const std::uint8_t* bytes, std::size_t n, int bits, std::uint8_t* codes) {
  if (bits == 4) {
    unpack_codes_of<2>(bytes, n, codes);
  } else {
    unpack_codes_of<4>(bytes, n, codes);
  }
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
