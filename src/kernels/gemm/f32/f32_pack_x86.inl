// SPDX-License-Identifier: Apache-2.0
// Packing f32_panel.inl's panel where groups are regular: blocks of rows are transposed in registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/common/x86_pack_blocks.inl"
namespace lowbit::kernels::f32 {
namespace {

inline void pack_even(const WeightSpec& spec, std::uint32_t n0, std::uint32_t n, const F32Header& h,
                      const EvenGroups& groups, std::byte* out) {
  const std::size_t width = panel_width(n), group_bytes = width * (h.scale_bytes + h.zero_bytes);
  const std::size_t stride = group_bytes + groups.steps * width * 4, count = group_count(spec);
  if (h.scale_bytes) pack_scales(spec.scales + n0 * count, n, count, h.scale_bytes == 2, out, stride);
  if (h.zero_bytes)
    pack_zero_points(spec.zero_points + n0 * count, n, count, out + width * h.scale_bytes, stride);
  const VecI flip = broadcast_i(static_cast<std::int32_t>(static_cast<std::uint32_t>(kStored) * 0x01010101u));
  for (std::uint32_t j = 0; j < n; j += kLanes) {
    const auto* in = reinterpret_cast<const std::byte*>(spec.codes) + (n0 + j) * spec.row_bytes;
    std::byte* to = out + 4 * j;
    std::size_t left = 0;  // of the group
    transpose_rows(in, spec.row_bytes, n - j < kLanes ? n - j : kLanes, groups.all_steps * 4,
                   [&](std::size_t, VecI v) {
                     if (left == 0) to += group_bytes, left = groups.steps;
                     store_bytes(to, xor_bits(v, flip));
                     to += width * 4;
                     --left;
                   });
  }
}

}  // namespace
}  // namespace lowbit::kernels::f32
