// SPDX-License-Identifier: Apache-2.0
// The working memory of a product on codes: what a dynamic input is quantized into, and the per-row terms of
// the epilogue. Which parts there are follows from the layer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "layers/scratch.h"

namespace lowbit {

/// Absent parts are null.
struct RowMemory {
  std::uint8_t* codes = nullptr;  ///< input that is quantized at run time
  float* row_scale = nullptr;     ///< [rows], dynamic input
  std::int32_t* row_a = nullptr;  ///< [rows], zero points: dynamic input or several scale groups
  std::int32_t* row_b = nullptr;  ///< [rows], row sums: weights that keep zero points
  std::size_t bytes = 0;

  /// Which parts a layer needs.
  struct Needs {
    bool row_scales = false;     ///< finds the scale of its input at run time
    bool row_zeros = false;      ///< and its zero point, or has codes and several scales in a row of weights
    bool weight_zeros = false;   ///< some weights keep zero points of their own
    std::size_t code_bytes = 0;  ///< of the codes that its input becomes
  };

  /// With a null block it only counts `bytes`.
  static RowMemory carve(std::byte* block, std::size_t rows, const Needs& needs) {
    Scratch scratch(block);
    RowMemory m;
    if (needs.code_bytes != 0) m.codes = scratch.take<std::uint8_t>(needs.code_bytes);
    if (needs.row_scales) m.row_scale = scratch.take<float>(rows);
    if (needs.row_zeros) m.row_a = scratch.take<std::int32_t>(rows);
    if (needs.weight_zeros) m.row_b = scratch.take<std::int32_t>(rows);
    m.bytes = scratch.used();
    return m;
  }
};

}  // namespace lowbit
