// SPDX-License-Identifier: Apache-2.0
// What reading and writing layers of compressed-tensors share.
#pragma once

#include <cstdint>
#include <vector>

#include "lowbit/core/minifloat.h"
#include "lowbit/io/safetensors/compressed_tensors.h"

namespace lowbit::detail {

/// A QuantizedMatrix has no scale 0. In its place stands one that no type of scales has but f32.
inline constexpr float kNoScale = 1.0f + 0x1p-20f;

/// The table of FP4 or FP8 codes; what is no number stands for 0, and codes for it are refused.
inline std::vector<float> finite_levels(MiniFloat format) {
  std::vector<float> levels = minifloat::table(format);
  for (float& level : levels)
    if (!(level - level == 0.0f)) level = 0.0f;
  return levels;
}

/// Which scale belongs to a weight, for a tensor of scales of this shape.
struct ScaleGrid {
  std::int64_t rows = 0, cols = 0;          ///< of the weights
  std::int64_t scale_rows = 1, groups = 1;  ///< of the scales
  std::int64_t block_rows = 0, group = 0;   ///< rows and columns that share one
  Granularity granularity = per_channel();  ///< of the matrix

  std::int64_t index(std::int64_t row, std::int64_t g) const { return row / block_rows * groups + g; }
};

/// `layer` stands in the sentence; `config` may be null. Throws Error(corrupt_file).
ScaleGrid scale_grid(std::int64_t rows, std::int64_t cols, std::span<const std::int64_t> scale_shape,
                     const CompressedGroup* config, const std::string& layer);

}  // namespace lowbit::detail
