// SPDX-License-Identifier: Apache-2.0
// Codes through a table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/codes.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

void map_u8(const std::uint8_t* x, std::size_t n, const std::uint8_t* table, std::uint8_t* out) {
  // The table takes as long to load as some twenty elements.
  if (n < kBlock) {
    for (std::size_t i = 0; i < n; ++i) out[i] = table[x[i]];
    return;
  }
  const ByteTable loaded = load_table(table);
  for (std::size_t i = 0; i + kBlock < n; i += kBlock) store_b(out + i, look_up(loaded, load_b(x + i)));
  store_b(out + (n - kBlock), look_up(loaded, load_b(x + (n - kBlock))));
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
