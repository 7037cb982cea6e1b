// SPDX-License-Identifier: Apache-2.0
// Rows of matrices: of floats on their way in, of codes on their way out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/view.h"

namespace lowbit {
struct QuantizedMatrix;
}

namespace lowbit::detail {

/// Rows [row, row + count) of `m` one behind the other: where they are, or copied to `copy`.
std::span<const float> contiguous_rows(const MatrixView& m, std::int64_t row, std::int64_t count,
                                       std::vector<float>& copy);

/// Packs the codes of the next row, one a byte, and appends them to q.codes: memory that was filled with
/// zeros first would be written twice.
void append_row(QuantizedMatrix& q, std::span<const std::uint8_t> codes);

}  // namespace lowbit::detail

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/matrix_rows-inl.h"
#endif
