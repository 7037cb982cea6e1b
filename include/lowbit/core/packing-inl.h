// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lowbit/core/error.h"
#include "lowbit/core/packing.h"
#include "lowbit/core/sentence.h"

namespace lowbit {
namespace detail {

template <int kBits>
void check_packed_size(std::size_t codes, std::size_t bytes) {
  if (bytes != packed_bytes(codes, kBits))
    detail::throw_error(ErrorCode::shape_mismatch, sentence("{} codes of {} bits take {} bytes, not {}",
                                                            codes, kBits, packed_bytes(codes, kBits), bytes));
}

template <int kBits>
void pack(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out) {
  check_packed_size<kBits>(codes.size(), out.size());
  constexpr std::size_t kPerByte = 8 / kBits;
  constexpr unsigned kMask = (1u << kBits) - 1;
  const std::size_t whole = codes.size() / kPerByte;
  for (std::size_t i = 0; i < whole; ++i) {
    unsigned byte = 0;
    for (std::size_t j = 0; j < kPerByte; ++j) byte |= (codes[i * kPerByte + j] & kMask) << (j * kBits);
    out[i] = static_cast<std::uint8_t>(byte);
  }
  if (whole == out.size()) return;
  unsigned byte = 0;
  for (std::size_t i = whole * kPerByte; i < codes.size(); ++i)
    byte |= (codes[i] & kMask) << ((i % kPerByte) * kBits);
  out[whole] = static_cast<std::uint8_t>(byte);
}

template <int kBits>
void unpack(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> codes) {
  check_packed_size<kBits>(codes.size(), bytes.size());
  constexpr std::size_t kPerByte = 8 / kBits;
  constexpr unsigned kMask = (1u << kBits) - 1;
  for (std::size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<std::uint8_t>((bytes[i / kPerByte] >> ((i % kPerByte) * kBits)) & kMask);
}

}  // namespace detail

LOWBIT_INLINE void pack_u4(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out) {
  detail::pack<4>(codes, out);
}
LOWBIT_INLINE void unpack_u4(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> codes) {
  detail::unpack<4>(bytes, codes);
}
LOWBIT_INLINE void pack_u2(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out) {
  detail::pack<2>(codes, out);
}
LOWBIT_INLINE void unpack_u2(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> codes) {
  detail::unpack<2>(bytes, codes);
}
LOWBIT_INLINE void pack_u1(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out) {
  detail::pack<1>(codes, out);
}
LOWBIT_INLINE void unpack_u1(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> codes) {
  detail::unpack<1>(bytes, codes);
}

}  // namespace lowbit
