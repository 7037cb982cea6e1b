// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "lowbit/core/packing.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/quant/detail/matrix_rows.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/quantized_matrix.h"

LOWBIT_BEGIN_EXACT
namespace lowbit::detail {

LOWBIT_INLINE std::span<const float> contiguous_rows(const MatrixView& m, std::int64_t row,
                                                     std::int64_t count, std::vector<float>& copy) {
  const auto size = static_cast<std::size_t>(count * m.cols);
  const float* first = m.data + row * m.row_stride;
  if (m.col_stride == 1 && (count == 1 || m.row_stride == m.cols)) return {first, size};
  copy.resize(size);
  if (m.col_stride == 1) {
    for (std::int64_t r = 0; r < count; ++r)
      std::copy_n(first + r * m.row_stride, m.cols, copy.data() + r * m.cols);
  } else {
    for (std::int64_t c = 0; c < m.cols; ++c)
      for (std::int64_t r = 0; r < count; ++r) copy[static_cast<std::size_t>(r * m.cols + c)] = m(row + r, c);
  }
  return copy;
}

LOWBIT_INLINE void append_row(QuantizedMatrix& q, std::span<const std::uint8_t> codes) {
  const int width = storage_of(q.format).width;
  if (width == 8) {
    q.codes.insert(q.codes.end(), codes.begin(), codes.end());
    return;
  }
  const auto packed = [&] {
    const std::size_t begin = q.codes.size();
    q.codes.resize(begin + q.row_bytes());
    return std::span(q.codes).subspan(begin);
  };
  if (width != 1) return kernels::elementwise().pack(codes.data(), codes.size(), width, packed().data());
  std::vector<std::uint8_t> bits(codes.size());
  for (int p = 0; p < q.planes(); ++p) {
    std::transform(codes.begin(), codes.end(), bits.begin(),
                   [p](std::uint8_t c) { return static_cast<std::uint8_t>(c >> p); });
    pack_u1(bits, packed());
  }
}

}  // namespace lowbit::detail
LOWBIT_END_EXACT
