// SPDX-License-Identifier: Apache-2.0
// Copies of matrices in the layout that kernels read: rows of bytes that lie together.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/layers/gemm.h"
#include "lowbit/runtime/executor.h"

namespace lowbit {

/// Rows `row_bytes` apart. With 16 bits, value + 2^15 is 256 * high + low; else high is null.
struct GatheredRows {
  std::uint8_t *low = nullptr, *high = nullptr;
  std::size_t row_bytes = 0;
};

/// Rows [first, first + count) of 8 or 16 bits. Bytes of signed ones get their sign bit flipped where
/// `to_unsigned`, those of unsigned ones where not.
void gather_codes(const IntegerView& m, std::int64_t first, std::int64_t count, bool to_unsigned,
                  const GatheredRows& to, Executor& executor) noexcept;

/// Rows of 4 bits as the u4 format has them; signed ones become 0 to 15.
void gather_nibbles(const IntegerView& m, std::uint8_t* rows, std::size_t row_bytes) noexcept;

/// Rows [first, first + count) of floats.
void gather_floats(const MatrixView& m, std::int64_t first, std::int64_t count, float* rows,
                   std::size_t row_elements, Executor& executor) noexcept;

}  // namespace lowbit
