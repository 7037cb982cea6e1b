// SPDX-License-Identifier: Apache-2.0
// What scale groups bring into a product: scales, zero points of weights and of rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_chunk.inl"

namespace lowbit::kernels {
namespace {

// Groups that may end in a chunk.
constexpr unsigned kChunkGroups = 16;

/// What a chunk of a grouped product needs beside its codes, one entry for each group that it touches.
struct GroupTerms {
  alignas(64) float scales[kChunkGroups + 1][kColumns];
  // -row zero * (sum of the group's weights within this chunk), for all rows alike; or those sums, if the row
  // zeros differ.
  alignas(64) std::int32_t start[kChunkGroups + 1][kColumns];
};

inline VecF group_scales(const PanelHeader& h, std::uint32_t group, unsigned v) {
  const std::byte* scales = reinterpret_cast<const std::byte*>(&h) + h.scales;
  const std::size_t at = std::size_t{group} * h.width + v * kLanes;
  return h.scale_bytes == 2 ? load_half(scales + at * 2)
                            : load_f(reinterpret_cast<const float*>(scales + at * 4));
}

/// The unsigned code of weight 0 in each lane.
inline VecI group_zeros(const PanelHeader& h, std::uint32_t group, unsigned v) {
  if (h.zeros == 0) return broadcast_i(Format::kMiddle);
  return load_u8_as_int(reinterpret_cast<const std::byte*>(&h) + h.zeros + std::size_t{group} * h.width +
                        v * kLanes);
}

/// Whether the rows of a strip have one zero point, or none.
inline bool all_alike(const std::int32_t* row_zero, unsigned rows) {
  for (unsigned i = 1; row_zero && i < rows; ++i)
    if (row_zero[i] != row_zero[0]) return false;
  return true;
}

}  // namespace
}  // namespace lowbit::kernels
