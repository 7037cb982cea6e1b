// SPDX-License-Identifier: Apache-2.0
// One row in codes, as include/lowbit/layers/row_codes.h draws it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lowbit {

/// Its scale and middle.
struct RowParameters {
  float scale = 0.0f, middle = 0.0f;
};

/// bfloat16::decode, inline: twice for each row that attention reads.
inline float float_of_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// Those that lie behind the codes.
inline RowParameters read_row_parameters(const std::byte* at) {
  std::uint16_t bits[2];
  std::memcpy(bits, at, sizeof(bits));
  return {float_of_bfloat16(bits[0]), float_of_bfloat16(bits[1])};
}

/// `step`: from one element of the row to the next.
void encode_row(const float* x, std::ptrdiff_t step, std::int64_t size, int bits, std::byte* to);
void decode_row(const std::byte* from, std::int64_t size, int bits, std::ptrdiff_t step, float* x);

}  // namespace lowbit
